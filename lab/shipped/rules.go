package shipped

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Rule is a recording or alerting rule as its file has it.
type Rule struct {
	Record      string
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// Name is the recorded metric's or the alert's.
func (r Rule) Name() string { return r.Record + r.Alert }

// Rules returns the rules of a file, in its order. What else a rule file may
// have is promtool's to check.
func Rules(path string) ([]Rule, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct{ Groups []struct{ Rules []Rule } }
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []Rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}

// RuleExpressions returns every expression of a rule file, those that
// annotations ask for live numbers with included.
func RuleExpressions(path string) ([]Expression, error) {
	rules, err := Rules(path)
	if err != nil {
		return nil, err
	}
	var all []Expression
	for _, r := range rules {
		all = append(all, Expression{path + ": " + r.Name(), r.Expr})
		for name, text := range r.Annotations {
			for _, expr := range annotationQueries(text) {
				all = append(all, Expression{fmt.Sprintf("%s: %s of %s", path, name, r.Name()), expr})
			}
		}
	}
	return all, nil
}

// printfQuery is how annotations build a query from labels:
//
//	{{ with printf "metric{node=%q}" $labels.node | query }}
var printfQuery = regexp.MustCompile(`printf ("(?:[^"\\]|\\.)*") [^|}]*\| query`)

func annotationQueries(text string) []string {
	var all []string
	for _, m := range printfQuery.FindAllStringSubmatch(text, -1) {
		format, err := strconv.Unquote(m[1])
		if err != nil {
			format = m[1] // and the parser will say so
		}
		all = append(all, strings.ReplaceAll(format, "%q", strconv.Quote(variable)))
	}
	return all
}
