package shipped

import (
	"fmt"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Check parses expr and returns what is wrong with it: that it does not parse,
// a metric that does not exist, a label that its metric does not have, a value
// that its label never takes, or a label to group or match by that no metric
// beneath has.
func (v Vocabulary) Check(expr string) []error {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return []error{err}
	}
	var problems []error
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			problems = append(problems, v.checkSelector(n)...)
		case *parser.AggregateExpr:
			if !n.Without {
				problems = append(problems, v.checkLabels("by", n.Grouping, n.Expr)...)
			}
		case *parser.BinaryExpr:
			if m := n.VectorMatching; m != nil && m.On {
				problems = append(problems, v.checkLabels("on", m.MatchingLabels, n.LHS)...)
				problems = append(problems, v.checkLabels("on", m.MatchingLabels, n.RHS)...)
			}
		}
		return nil
	})
	return problems
}

// checkSelector holds the metrics that s may select against its other matchers:
// at least one of them must satisfy all.
func (v Vocabulary) checkSelector(s *parser.VectorSelector) []error {
	metrics := v.selected(s)
	if len(metrics) == 0 {
		return []error{fmt.Errorf("%s: no such metric", s)}
	}
	var problems []error
	for _, m := range s.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			continue
		}
		known := slices.DeleteFunc(slices.Clone(metrics), func(name string) bool { return !v.has(name, m.Name) })
		if len(known) == 0 {
			problems = append(problems, fmt.Errorf("%s: %s has no label %s", s, metrics[0], m.Name))
			continue
		}
		if !slices.ContainsFunc(known, func(name string) bool { return v.takes(name, m) }) {
			problems = append(problems, fmt.Errorf("%s: label %s of %s has no such value", s, m.Name, known[0]))
		}
	}
	return problems
}

// selected lists the metrics whose names s admits.
func (v Vocabulary) selected(s *parser.VectorSelector) []string {
	var metrics []string
	for _, name := range v.Names() {
		admitted := true
		for _, m := range s.LabelMatchers {
			admitted = admitted && (m.Name != model.MetricNameLabel || m.Matches(name))
		}
		if admitted {
			metrics = append(metrics, name)
		}
	}
	return metrics
}

func (v Vocabulary) has(metric, label string) bool {
	_, ok := v[metric][label]
	return ok
}

// takes reports whether m can match a value of its label. It can where values
// are not known, and where a variable of a dashboard stands for one.
func (v Vocabulary) takes(metric string, m *labels.Matcher) bool {
	values := v[metric][m.Name]
	return len(values) == 0 || m.Value == variable || slices.ContainsFunc(values, m.Matches)
}

// checkLabels returns a problem for every name that nothing beneath expr has.
func (v Vocabulary) checkLabels(clause string, names []string, expr parser.Expr) []error {
	have := v.labelsBeneath(expr)
	var problems []error
	for _, name := range names {
		if !have[name] {
			problems = append(problems, fmt.Errorf("%s (%s): no metric in %s has it", clause, name, expr))
		}
	}
	return problems
}

// labelsBeneath is every label that a selector or a label function in expr can
// bring.
func (v Vocabulary) labelsBeneath(expr parser.Expr) map[string]bool {
	have := make(map[string]bool)
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			for _, metric := range v.selected(n) {
				for label := range v[metric] {
					have[label] = true
				}
			}
		case *parser.Call:
			if n.Func.Name == "label_replace" || n.Func.Name == "label_join" {
				if made, ok := n.Args[1].(*parser.StringLiteral); ok {
					have[made.Val] = true
				}
			}
		}
		return nil
	})
	return have
}
