package shipped

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A mutation breaks the rules in one place; the promtool test named by killer
// must notice.
type mutation struct {
	old, new string
	killer   string
}

const available = `{__name__=~"headroom_signal_available_(bytes|inodes|pids)"}`

// mutations are the breakages of every rule file, keyed by what would be wrong.
var mutations = map[string]map[string]mutation{
	"headroom.yaml":    headroomMutations,
	"remediation.yaml": remediationMutations,
}

var headroomMutations = map[string]mutation{
	"containerfs alerts though imagefs has the same disk":    {`filesystem=~"nodefs|imagefs"`, `filesystem="nodefs"`, "containerfs"},
	"disks are told apart by their minor number alone":       {"major, minor)", "minor)", "containerfs"},
	"another node's disk is taken for this one's":            {"unless on (cluster, node, major, minor)", "unless on (major, minor)", "containerfs"},
	"the ratio of containerfs counts on any disk":            {`signal=~"containerfs[.].+"})` + "\n            and on (cluster, node)\n            node:headroom_containerfs_own_disk:count", `signal=~"containerfs[.].+"})`, "containerfs"},
	"a met threshold of containerfs alerts on any disk":      {`signal=~"containerfs[.].+"}) == 1` + "\n            and on (cluster, node)\n            node:headroom_containerfs_own_disk:count", `signal=~"containerfs[.].+"}) == 1`, "containerfs"},
	"a soft threshold's ratio is taken for the hard one's":   {`headroom_ratio{eviction="hard", signal!~`, `headroom_ratio{signal!~`, "fast-fill"},
	"a met soft threshold alerts":                            {`headroom_threshold_met{eviction="hard", signal!~`, `headroom_threshold_met{signal!~`, "fast-fill"},
	"a soft threshold is predicted":                          {`(bytes|inodes|pids)", eviction="hard"})` + "\n          )", `(bytes|inodes|pids)"})` + "\n          )", "fast-fill"},
	"the filesystem label is lost":                           {`"(.+fs)[.].+"`, `"(.+fs)"`, "fast-fill"},
	"memory has a filesystem":                                {`"(.+fs)[.].+"`, `"(.+)[.].+"`, "units"},
	"a threshold met without a ratio is not seen":            {`max by (cluster, node, signal) (headroom_threshold_met{eviction="hard", signal!~"containerfs[.].+"}) == 1`, `node_signal:headroom_ratio:min < 0`, "units"},
	"replicas add up":                                        {"min by (cluster, node, signal) (headroom_ratio", "sum by (cluster, node, signal) (headroom_ratio", "replicas"},
	"replicas' available adds up":                            {"min by (cluster, node, signal) (" + available, "sum by (cluster, node, signal) (" + available, "replicas"},
	"replicas are not aggregated":                            {"max by (cluster, node, signal) (headroom_image_gc_margin_ratio)", "headroom_image_gc_margin_ratio", "replicas-slow"},
	"imminent goes on when it has come":                      {"node_signal:headroom_ratio:min >= 0", "node_signal:headroom_ratio:min >= -1", "threshold-step"},
	"imminent looks three minutes ahead":                     {"5 * 60", "3 * 60", "fast-fill"},
	"imminent looks four minutes back":                       {"(bytes|inodes|pids)\"}[2m]", "(bytes|inodes|pids)\"}[4m]", "fast-fill"},
	"imminent is never pending":                              {"for: 5s", "for: 0s", "fast-fill"},
	"imminent waits":                                         {"for: 5s", "for: 15s", "fast-fill"},
	"imminent stops at once":                                 {"keep_firing_for: 1m", "keep_firing_for: 0s", "fast-fill"},
	"met stops at once":                                      {"keep_firing_for: 30s", "keep_firing_for: 0s", "fast-fill"},
	"imminent needs no history":                              {"[1m] offset 1m) >= 2", "[1m]) >= 2", "restart"},
	"imminent needs no second window":                        {"[1m], 5 * 60", "[2m], 5 * 60", "restart"},
	"the history of an old series counts for a new one":      {"and\n              count_over_time(" + available + "[1m] offset 1m) >= 2", "and on (cluster, node, signal)\n              count_over_time(" + available + "[1m] offset 1m) >= 2", "restart"},
	"predicted looks ten minutes ahead":                      {"30 * 60", "10 * 60", "slow-leak"},
	"predicted needs no second window":                       {"[3m], 30 * 60", "[10m], 30 * 60", "step-down"},
	"trend looks an hour ahead":                              {"4 * 3600", "3600", "slow-leak"},
	"trend needs no second window":                           {"[15m], 4 * 3600", "[1h], 4 * 3600", "step-down"},
	"trend fires for a step":                                 {"for: 15m", "for: 5m", "step-down"},
	"the day's low silences nothing":                         {"(min_over_time(node_signal:headroom_ratio:low10m[1d] offset 10m) > 0)", "1", "image-gc-sawtooth"},
	"the day is half an hour long":                           {"low10m[1d]", "low10m[30m]", "image-gc-sawtooth"},
	"a low past the threshold silences, too":                 {"(min_over_time(node_signal:headroom_ratio:low10m[1d] offset 10m) > 0)", "min_over_time(node_signal:headroom_ratio:low10m[1d] offset 10m) > 0", "day-low"},
	"a moment is low":                                        {"max_over_time(node_signal:headroom_ratio:min[6m])", "max_over_time(node_signal:headroom_ratio:min[4m])", "low"},
	"low is not below but at":                                {"[6m]) < 0.05", "[6m]) <= 0.05", "low"},
	"image GC after the eviction keeps 5 % from being low":   {"headroom_image_gc_margin_ratio > 0\n          )", "headroom_image_gc_margin_ratio\n          )", "low"},
	"image GC or not, 5 % is low":                            {"unless on (cluster, node, signal)\n            headroom_image_gc_margin_ratio > 0", "", "low"},
	"past the threshold is low":                              {") >= 0\n          and\n          count", ")\n          and\n          count", "low"},
	"a new node is low at once":                              {"[5m] offset 6m", "[5m]", "restart"},
	"low flaps":                                              {"offset 6m) > 0\n        keep_firing_for: 5m", "offset 6m) > 0", "low"},
	"a restart is an absence":                                {"for: 5m", "for: 30s", "restart"},
	"another job's target is our exporter":                   {`up{job="headroom-exporter"}`, "up", "exporter-absent"},
	"clusters are one":                                       {"group by (cluster, node) (kube_node_info)\n          unless on (cluster, node)", "group by (cluster, node) (kube_node_info)\n          unless on (node)", "exporter-absent"},
	"without kube-state-metrics nothing is absent":           {`group by (cluster, node) (up{job="headroom-exporter"} == 0)`, "group by (cluster, node) (kube_node_info)", "exporter-absent"},
	"without a static target nothing is absent":              {"group by (cluster, node) (kube_node_info)", `group by (cluster, node) (up{job="headroom-exporter"} == 0)`, "exporter-absent"},
	"one replica that does not answer makes the node absent": {"== 0)\n          unless on (cluster, node)\n          group by (cluster, node) (headroom_exporter_build_info)", "== 0)", "replicas"},
}

func TestEveryBreakageOfTheRulesIsNoticed(t *testing.T) {
	for _, path := range shippedFiles(t, "rules/*.yaml") {
		file := filepath.Base(path)
		if len(mutations[file]) == 0 {
			t.Errorf("nobody breaks %s", file)
		}
		for sentence, m := range mutations[file] {
			t.Run(sentence, func(t *testing.T) {
				t.Parallel()
				m.test(t, file)
			})
		}
	}
}

// test breaks the rule file of that name in a copy of all of them.
func (m mutation) test(t *testing.T, file string) {
	dir := t.TempDir()
	copyInto(t, dir, shippedFiles(t, "rules/*.yaml")...)
	copyInto(t, filepath.Join(dir, "tests"), filepath.Join(root, "rules/tests", m.killer+".yaml"))
	original := read(t, filepath.Join(dir, file))
	broken := strings.ReplaceAll(original, m.old, m.new)
	if broken == original {
		t.Fatalf("%s has no %q", file, m.old)
	}
	write(t, filepath.Join(dir, file), broken)
	// A mutation that does not even load shows nothing about the test.
	mustTool(t, dir, "promtool", "check", "rules", file)
	if out, err := tool(t, dir, "promtool", "test", "rules", "tests/"+m.killer+".yaml"); err == nil {
		t.Errorf("%s.yaml still passes:\n%s", m.killer, out)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
