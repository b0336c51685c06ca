//go:build e2e

package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
)

// dropIn is the file in which these tests tell a kubelet about eviction.
const dropIn = "50-eviction.conf"

// saying is a configuration with such a file.
func saying(eviction string) cluster.NodeConfig {
	return cluster.NodeConfig{
		Layout:  cluster.TwoDisks,
		Kubelet: quiet,
		DropIns: map[string]string{dropIn: "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n" + eviction},
	}
}

const everyThreshold = `
evictionHard: {memory.available: 200Mi, nodefs.available: 11%, nodefs.inodesFree: 6%, imagefs.available: 64Mi, imagefs.inodesFree: "1234", pid.available: 3.3%}
evictionSoft: {memory.available: 2%, nodefs.available: 15%}
evictionSoftGracePeriod: {memory.available: 2m, nodefs.available: 90s}
evictionMinimumReclaim: {nodefs.available: 1%}
`

func TestNewThresholdsAreShownOnceTheKubeletRunsWithThem(t *testing.T) {
	t.Parallel()
	before, after := saying(everyThreshold), saying(strings.NewReplacer("11%", "12%", "90s", "80s").Replace(everyThreshold))
	c, n := startNode(t, before)
	byURL, byProcess, byLog := startExporter(t, n), startInside(t, n, processOnly(n)...), startInside(t, n, logOnly(c, n)...)
	byURL.await(t, "the kubelet's thresholds", all(source("configz"), share(0.11), pending(false)))
	byProcess.await(t, "the process's thresholds", all(source("flags"), share(0.11), pending(false)))
	byLog.await(t, "the log's thresholds", all(source("log"), share(0.11)))

	written := filepath.Join(n.KubeletDropIns(), dropIn)
	if err := os.WriteFile(written, []byte(after.DropIns[dropIn]), 0o644); err != nil {
		t.Fatal(err)
	}
	byURL.await(t, "that the kubelet has not read its file", all(source("configz"), share(0.11), pending(true)))
	byProcess.await(t, "that the process has not read its file", all(source("flags"), share(0.11), pending(true)))

	if err := n.RestartKubelet(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	byURL.await(t, "the kubelet's new thresholds", all(source("configz"), share(0.12), pending(false)))
	byProcess.await(t, "the new process's thresholds", all(source("flags"), share(0.12), pending(false)))
	byLog.await(t, "the thresholds in the new log", all(source("log"), share(0.12)))
}

// processOnly leaves an exporter inside a node nothing but the kubelet's process
// to look at.
func processOnly(n *cluster.Node) []string {
	return []string{"--path.imagefs=" + n.ContainerdRoot(), "--kubelet.root-dir=" + n.RootDir()}
}

// logOnly leaves it nothing but the kubelet's log.
func logOnly(c *cluster.Cluster, n *cluster.Node) []string {
	return append(processOnly(n), "--no-kubelet.process", "--kubelet.log="+c.LogPath(n.Name+"/kubelet"))
}

func TestThresholdsAreTheSameFromEverySource(t *testing.T) {
	t.Parallel()
	c, n := startNode(t, saying(everyThreshold))
	byURL, byProcess, byLog := startExporter(t, n), startInside(t, n, processOnly(n)...), startInside(t, n, logOnly(c, n)...)
	want := configured(byURL.await(t, "the kubelet's thresholds", source("configz")))

	if diff := cmp.Diff(want, configured(byProcess.await(t, "the process's thresholds", source("flags")))); diff != "" {
		t.Errorf("its command line and files say something else than the kubelet (-kubelet +process):\n%s", diff)
	}
	got := hard(configured(byLog.await(t, "the log's thresholds", source("log"))))
	if diff := cmp.Diff(hard(want), got); diff != "" {
		t.Errorf("its log says something else than the kubelet (-kubelet +log):\n%s", diff)
	}
	if enabled := got.of("headroom_threshold_enabled"); len(enabled) != len(headroom.Signals()) {
		t.Errorf("thresholds are compared of %d signals, want all %d:\n%s", len(enabled), len(headroom.Signals()), enabled)
	}
}

// configured are the series that come from a kubelet's configuration, and from
// nothing that moves.
func configured(s samples) samples {
	all := make(samples)
	for _, name := range []string{
		"headroom_threshold_bytes", "headroom_threshold_inodes", "headroom_threshold_pids", "headroom_threshold_enabled",
		"headroom_soft_grace_period_seconds", "headroom_minimum_reclaim_bytes", "headroom_pressure_transition_period_seconds",
		"headroom_image_gc_high_threshold_ratio", "headroom_image_gc_low_threshold_ratio",
	} {
		maps.Copy(all, s.of(name))
	}
	return all
}

// hard are the series that are about hard thresholds.
func hard(s samples) samples {
	s = maps.Clone(s)
	maps.DeleteFunc(s, func(key string, _ float64) bool { return !strings.Contains(key, `eviction="hard"`) })
	return s
}
