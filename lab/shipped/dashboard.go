package shipped

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
)

// An Expression is a query and where it stands.
type Expression struct {
	Where string // file, then what a person would call the place
	Expr  string
}

// variable stands for a dashboard's variable when its queries are parsed.
const variable = "grafana-variable"

// A dashboard is what of Grafana's JSON has queries in it.
type dashboard struct {
	Title      string
	UID        string
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Type string
			Query      any // an object for a query, a string for other types
			Definition string
		}
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
}

type panel struct {
	Title, Type, Description string
	Targets                  []struct{ Expr, RefID, LegendFormat string }
	Panels                   []panel // of a collapsed row
}

// readDashboard decodes a dashboard.
func readDashboard(path string) (*dashboard, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &d, nil
}

// DashboardExpressions returns every query of a Grafana dashboard, its
// variables replaced by what parses in their place.
func DashboardExpressions(path string) ([]Expression, error) {
	d, err := readDashboard(path)
	if err != nil {
		return nil, err
	}
	var all []Expression
	add := func(where, expr string) {
		if expr != "" {
			all = append(all, Expression{path + ": " + where, withoutVariables(expr)})
		}
	}
	for _, p := range everyPanel(d.Panels) {
		for _, t := range p.Targets {
			add(fmt.Sprintf("panel %q, query %s", p.Title, t.RefID), t.Expr)
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			add("variable "+v.Name, valuesQuery(v.Query))
		}
	}
	for _, a := range d.Annotations.List {
		add("annotation "+a.Name, a.Expr)
	}
	return all, nil
}

func everyPanel(panels []panel) []panel {
	var all []panel
	for _, p := range panels {
		all = append(append(all, p), everyPanel(p.Panels)...)
	}
	return all
}

// labelValues is how a variable asks for the values of a label:
//
//	label_values(headroom_ratio{cluster="$cluster"}, node)
var labelValues = regexp.MustCompile(`^label_values\((.+),\s*(\w+)\)$`)

// valuesQuery turns a variable's query into an expression that uses the same
// metric and labels.
func valuesQuery(query any) string {
	object, ok := query.(map[string]any)
	if !ok {
		return ""
	}
	text, _ := object["query"].(string)
	if m := labelValues.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("group by (%s) (%s)", m[2], m[1])
	}
	return text
}

var (
	durationVariable = regexp.MustCompile(`\$(__rate_interval|__interval|__range)\b|\$\{(__rate_interval|__interval|__range)\}`)
	otherVariable    = regexp.MustCompile(`\$\w+|\$\{\w+(:\w+)?\}`)
)

// withoutVariables puts a duration where Grafana will, and variable elsewhere.
// $1 and the like belong to label_replace.
func withoutVariables(expr string) string {
	expr = durationVariable.ReplaceAllString(expr, "5m")
	return otherVariable.ReplaceAllStringFunc(expr, func(name string) string {
		if name[1] >= '0' && name[1] <= '9' {
			return name
		}
		return variable
	})
}
