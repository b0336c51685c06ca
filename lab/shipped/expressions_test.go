package shipped

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// foreign are metrics of other programs that we ask for.
var foreign = map[string][]string{
	"up":             {"job", "instance", "node", "cluster"},                                           // Prometheus, of each target
	"ALERTS":         {"alertname", "alertstate", "severity", "stage", "cluster", "node", "signal"},    // Prometheus
	"kube_node_info": {"cluster", "node", "instance", "kernel_version", "kubelet_version", "os_image"}, // kube-state-metrics
}

// recorded are the recording rules and the labels their series have.
var recorded = map[string][]string{
	"node:headroom_containerfs_own_disk:count": {"cluster", "node"},
	"node_signal:headroom_ratio:min":           {"cluster", "node", "signal", "filesystem"},
	"node_signal:headroom_ratio:avg5m":         {"cluster", "node", "signal", "filesystem"},
	"node_signal:headroom_ratio:low10m":        {"cluster", "node", "signal", "filesystem"},
	"node_signal:headroom:min":                 {"cluster", "node", "signal"},
	"node_signal:headroom_threshold_met:max":   {"cluster", "node", "signal", "filesystem"},
}

func TestEveryShippedExpressionAsksForWhatThereIs(t *testing.T) {
	v := live(t)
	for _, words := range []map[string][]string{foreign, recorded} {
		for metric, labels := range words {
			v.Metric(metric, labels...)
		}
	}
	for _, e := range shippedExpressions(t) {
		for _, problem := range v.Check(e.Expr) {
			t.Errorf("%s: %v", e.Where, problem)
		}
	}
	t.Run("and a dashboard that does not is noticed", func(t *testing.T) { breakDashboard(t, v) })
}

// breakDashboard misspells one word at a time in a copy of a dashboard.
func breakDashboard(t *testing.T, v Vocabulary) {
	original, err := os.ReadFile(filepath.Join(root, "dashboards/node.json"))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"headroom_ratio":                                  "headroom_raito",
		"headroom_filesystem_info":                        "headroom_filesystems_info",
		"headroom_remediation_removed_bytes_total":        "headroom_remediation_removed_bytes",
		"headroom_remediation_first_freed_seconds_bucket": "headroom_remediation_first_freed_bucket",
		"headroom_thresholds_read_timestamp_seconds":      "headroom_thresholds_read_timestamp",
		`eviction=\"hard\"`:                               `eviction=\"hrad\"`,
		`phase=\"running\"`:                               `phase=\"Running\"`,
		", mountpoint,":                                   ", mount_point,",
		"remedy) (increase":                               "remdy) (increase",
		"headroom_remediation_escalated":                  "headroom_remediation_exhausted",
		"reason) (headroom_remediation_waiting":           "cause) (headroom_remediation_waiting",
		`{cluster=\"$cluster\"}, node)`:                   `{cluster=\"$cluster\"}, nod)`,
	} {
		broken := strings.ReplaceAll(string(original), from, to)
		if broken == string(original) {
			t.Errorf("the dashboard has no %s", from)
			continue
		}
		file := filepath.Join(t.TempDir(), "node.json")
		write(t, file, broken)
		expressions, err := DashboardExpressions(file)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(expressions, func(e Expression) bool { return len(v.Check(e.Expr)) > 0 }) {
			t.Errorf("a dashboard with %s instead of %s passes", to, from)
		}
	}
}

func TestEveryRecordingRuleIsKnown(t *testing.T) {
	found := make(map[string]bool)
	for _, file := range shippedFiles(t, "rules/*.yaml") {
		rules, err := Rules(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			if r.Record == "" {
				continue
			}
			found[r.Record] = true
			if recorded[r.Record] == nil {
				t.Errorf("%s: list it here with its labels", r.Record)
			}
		}
	}
	for name := range recorded {
		if !found[name] {
			t.Errorf("%s: nothing records it", name)
		}
	}
}

// shippedExpressions are all of them: rules, dashboards, runbooks.
func shippedExpressions(t *testing.T) []Expression {
	t.Helper()
	var all []Expression
	for pattern, read := range map[string]func(string) ([]Expression, error){
		"rules/*.yaml":        RuleExpressions,
		"dashboards/*.json":   DashboardExpressions,
		"rules/runbooks/*.md": RunbookExpressions,
	} {
		for _, file := range shippedFiles(t, pattern) {
			found, err := read(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				t.Errorf("%s: no expression found", file)
			}
			all = append(all, found...)
		}
	}
	return all
}
