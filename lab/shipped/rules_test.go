package shipped

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestPromtoolAcceptsTheRules(t *testing.T) {
	for _, file := range shippedFiles(t, "rules/*.yaml") {
		mustTool(t, ".", "promtool", "check", "rules", "--lint=all", "--lint-fatal", file)
	}
}

func TestRulesDoWhatTheirTestsSay(t *testing.T) {
	for _, file := range shippedFiles(t, "rules/tests/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			mustTool(t, ".", "promtool", "test", "rules", file)
		})
	}
}

func TestEveryAlertIsComplete(t *testing.T) {
	severities := make(map[string]string)
	tested := testedAlerts(t)
	for _, r := range shippedAlerts(t) {
		problem := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s: %s", r.Alert, fmt.Sprintf(format, args...))
		}
		severity := r.Labels["severity"]
		if !slices.Contains([]string{"critical", "warning", "info"}, severity) {
			problem("severity %q", severity)
		}
		// Two of them under one name, and an inhibition of warnings by criticals
		// of the same name mutes another node's.
		if other, ok := severities[r.Alert]; ok && other != severity {
			problem("severity %q here and %q elsewhere", severity, other)
		}
		severities[r.Alert] = severity
		if stage := r.Labels["stage"]; !slices.Contains([]string{"before", "at", "after", "blind"}, stage) {
			problem("stage %q", stage)
		}
		for _, name := range []string{"summary", "description"} {
			if !strings.Contains(r.Annotations[name], "{{ $labels.node }}") {
				problem("%s does not name the node", name)
			}
		}
		if want := "https://github.com/nodeheadroom/headroom/blob/main/rules/runbooks/" + r.Alert + ".md"; r.Annotations["runbook_url"] != want {
			problem("runbook_url %q, want %q", r.Annotations["runbook_url"], want)
		}
		if page, err := os.ReadFile(filepath.Join(root, "rules/runbooks", r.Alert+".md")); err != nil {
			problem("%v", err)
		} else if !strings.HasPrefix(string(page), "# "+r.Alert+"\n") {
			problem("its runbook has another title")
		}
		if !tested[r.Alert] {
			problem("no promtool test expects it with its labels and annotations")
		}
	}
}

func TestEveryRunbookIsAnAlertsOwn(t *testing.T) {
	var names []string
	for _, r := range shippedAlerts(t) {
		names = append(names, r.Alert)
	}
	for _, file := range shippedFiles(t, "rules/runbooks/*.md") {
		if name := strings.TrimSuffix(filepath.Base(file), ".md"); !slices.Contains(names, name) {
			t.Errorf("%s: there is no alert %s", file, name)
		}
	}
}

func shippedAlerts(t *testing.T) []Rule {
	t.Helper()
	var alerts []Rule
	for _, file := range shippedFiles(t, "rules/*.yaml") {
		rules, err := Rules(file)
		if err != nil {
			t.Fatal(err)
		}
		alerts = append(alerts, slices.DeleteFunc(rules, func(r Rule) bool { return r.Alert == "" })...)
	}
	return alerts
}

// testedAlerts are the alerts that a promtool test expects to fire, word for
// word.
func testedAlerts(t *testing.T) map[string]bool {
	t.Helper()
	tested := make(map[string]bool)
	for _, file := range shippedFiles(t, "rules/tests/*.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Tests []struct {
				AlertRuleTest []struct {
					Alertname string
					ExpAlerts []struct {
						ExpAnnotations map[string]string `yaml:"exp_annotations"`
					} `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		if err := yaml.Unmarshal(data, &f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, test := range f.Tests {
			for _, a := range test.AlertRuleTest {
				for _, expected := range a.ExpAlerts {
					tested[a.Alertname] = tested[a.Alertname] || len(expected.ExpAnnotations) == 3
				}
			}
		}
	}
	return tested
}
