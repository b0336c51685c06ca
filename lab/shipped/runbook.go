package shipped

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A query in a runbook is an indented line that begins with a metric or a
// function of PromQL. NODE and SIGNAL stand for the alert's labels.
var runbookQuery = regexp.MustCompile(`^    ((node_signal:|headroom_\w+|kube_node_info|up\{|predict_linear|deriv).*)$`)

// RunbookExpressions returns the queries that a runbook tells people to make.
func RunbookExpressions(path string) ([]Expression, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer(`"NODE"`, `"`+variable+`"`, `"SIGNAL"`, `"`+variable+`"`)
	var all []Expression
	for i, line := range strings.Split(string(data), "\n") {
		if m := runbookQuery.FindStringSubmatch(line); m != nil {
			all = append(all, Expression{fmt.Sprintf("%s:%d", path, i+1), fill.Replace(m[1])})
		}
	}
	return all, nil
}
