// Package promtool plays series to alert rules and says when each alert first
// fired. promtool evaluates a day in seconds, and it is what evaluates the tests
// in rules/tests.
package promtool

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/nodeheadroom/headroom/lab/tools"
)

// A Series is what one scrape after the other would have read.
type Series struct {
	Name   string `yaml:"series"` // with its labels, as in up{job="x"}
	Values string `yaml:"values"` // as promtool writes them: 1 2 _ 3x5
}

// A Play is series, and the rules that look at them.
type Play struct {
	Rules    string        // the file, with groups as rules/headroom.yaml has them
	Evaluate time.Duration // the interval of every group: promtool ignores their own
	Interval time.Duration // between two values of a series
	Series   []Series
}

// Fired returns when each alert first fired, since the first value and until end.
// What did not fire is not there.
func (p Play) Fired(ctx context.Context, end time.Duration) (map[string]time.Duration, error) {
	program, err := tools.Path("promtool")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "promtool-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "play.yaml")
	if err := p.write(file, end); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, program, "test", "rules", file).CombinedOutput()
	if err == nil {
		return nil, nil // nothing fired, as expected
	}
	return parse(string(out))
}

// write writes the play as a test that expects no alert: promtool knows only
// whether what it gets is what was expected, and says what it got when it is not.
func (p Play) write(file string, end time.Duration) error {
	rules, err := filepath.Abs(p.Rules)
	if err != nil {
		return err
	}
	if _, err := os.Stat(rules); err != nil { // promtool would test no rules, with success
		return err
	}
	type expectation struct {
		Expr     string `yaml:"expr"`
		EvalTime string `yaml:"eval_time"`
	}
	type test struct {
		Interval string        `yaml:"interval"`
		Series   []Series      `yaml:"input_series"`
		Expect   []expectation `yaml:"promql_expr_test"`
	}
	first := fmt.Sprintf(`min by (alertname) (min_over_time(timestamp(ALERTS{alertstate="firing"})[%s:%s]))`, end+p.Evaluate, p.Evaluate)
	data, err := yaml.Marshal(map[string]any{
		"rule_files":          []string{rules},
		"evaluation_interval": p.Evaluate.String(),
		"group_eval_order":    groups,
		"tests":               []test{{p.Interval.String(), p.Series, []expectation{{first, end.String()}}}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// groups are those of rules/headroom.yaml. In another order the slow ones would
// be an evaluation behind.
var groups = []string{"headroom-fast", "headroom-slow", "headroom-low"}

var (
	got   = regexp.MustCompile(`(?m)^ +got: (.*)$`)
	fired = regexp.MustCompile(`{alertname="([^"]+)"} (\S+?)(?:,|$)`)
)

// parse takes from what promtool says what it got:
//
//	exp: nil
//	got: {alertname="HeadroomEvictionImminent"} 6.1E+01, {alertname="HeadroomLow"} 1.2E+02
func parse(said string) (map[string]time.Duration, error) {
	answer := got.FindStringSubmatch(said)
	if answer == nil {
		return nil, fmt.Errorf("promtool does not answer:\n%s", said)
	}
	first := make(map[string]time.Duration)
	for _, alert := range fired.FindAllStringSubmatch(answer[1], -1) {
		seconds, err := strconv.ParseFloat(alert[2], 64)
		if err != nil {
			return nil, fmt.Errorf("promtool: %s: %w", answer[1], err)
		}
		first[alert[1]] = time.Duration(seconds * float64(time.Second))
	}
	if len(first) == 0 {
		return nil, fmt.Errorf("promtool: no alert in %s", answer[1])
	}
	return first, nil
}
