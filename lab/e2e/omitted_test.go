//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
)

func TestThresholdsThatAPartialEvictionHardSwitchesOffAreNamed(t *testing.T) {
	t.Parallel()
	partial := map[string]any{"evictionHard": map[string]any{"nodefs.available": "5%"}}
	_, n := startNode(t, cluster.NodeConfig{Layout: cluster.TwoDisks, Kubelet: with(partial)})
	e := startExporter(t, n)
	gone := []headroom.Signal{headroom.MemoryAvailable, headroom.NodeFSInodesFree, headroom.ImageFSAvailable, headroom.ImageFSInodesFree}
	enabled := func(signal headroom.Signal, value float64) func(samples) error {
		return func(s samples) error {
			return s.want(value, "headroom_threshold_enabled", "signal", string(signal), "eviction", "hard")
		}
	}
	omitted := func(signal headroom.Signal, value float64) func(samples) error {
		return func(s samples) error { return problem(s, "threshold_omitted", signal, value) }
	}

	conditions := []func(samples) error{enabled("nodefs.available", 1), omitted("nodefs.available", 0), enabled("pid.available", 0)}
	for _, signal := range gone {
		conditions = append(conditions, enabled(signal, 0), omitted(signal, 1))
	}
	e.await(t, "what is switched off", all(conditions...))
	table := check(t, n)
	for _, signal := range gone {
		if !says(table.stdout, string(signal), "switched off by omission") {
			t.Errorf("check does not say that %s is switched off:\n%s", signal, table.stdout)
		}
	}
	if says(table.stdout, "nodefs.available", "switched off by omission") {
		t.Errorf("check says that nodefs.available is switched off:\n%s", table.stdout)
	}

	partial["mergeDefaultEvictionSettings"] = true
	if err := n.RestartKubelet(t.Context(), cluster.NodeConfig{Kubelet: with(partial)}); err != nil {
		t.Fatal(err)
	}
	conditions = []func(samples) error{enabled("nodefs.available", 1), omitted("nodefs.available", 0)}
	for _, signal := range gone {
		conditions = append(conditions, enabled(signal, 1), omitted(signal, 0))
	}
	e.await(t, "that the defaults are back", all(conditions...))
	if table := check(t, n); says(table.stdout, "", "switched off by omission") {
		t.Errorf("check still says that something is switched off:\n%s", table.stdout)
	}
}

// says reports whether a paragraph of text has both in it, however its lines are
// broken.
func says(text, one, other string) bool {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		paragraph = strings.Join(strings.Fields(paragraph), " ")
		if strings.Contains(paragraph, one) && strings.Contains(paragraph, other) {
			return true
		}
	}
	return false
}
