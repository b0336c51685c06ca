//go:build e2e

package resolve

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

func TestMain(m *testing.M) { os.Exit(cluster.Main(m.Run)) }

// What a kubelet says itself, what its process and files say, and what it logged
// when it started are the same, through restarts with other thresholds. Another
// kubelet runs beside it.
func TestEverySourceAgreesWithARunningKubelet(t *testing.T) {
	c := cluster.Start(t)
	c.StartNode(t, cluster.NodeConfig{})
	n := c.StartNode(t, cluster.NodeConfig{})
	options := map[string]kubelet.Options{
		kubelet.FromConfigz: {URL: n.URL, CAFile: c.CA(), TokenFile: c.Token(), Proc: "/proc", RootDir: n.RootDir()},
		kubelet.FromFlags:   {Proc: "/proc", RootDir: n.RootDir(), Version: "v1.37.2"},
		kubelet.FromLog:     {LogFile: c.LogPath(n.Name + "/kubelet")},
	}
	sources := make(map[string]*kubelet.Source)
	for name, o := range options {
		s, err := kubelet.NewSource(o)
		if err != nil {
			t.Fatal(err)
		}
		sources[name] = s
	}
	for _, step := range []struct {
		name   string
		config *cluster.NodeConfig // nil: as it was started
	}{
		{"the defaults", nil},
		{"a base file", &cluster.NodeConfig{Kubelet: map[string]any{
			"evictionHard":            map[string]any{"memory.available": "123Mi", "nodefs.available": "3.3%", "imagefs.available": "0%"},
			"evictionSoft":            map[string]any{"nodefs.available": "12.5%"},
			"evictionSoftGracePeriod": map[string]any{"nodefs.available": "1m30s"},
			"evictionMinimumReclaim":  map[string]any{"nodefs.available": "500Mi"},
		}}},
		{"a drop-in and flags", &cluster.NodeConfig{
			DropIns: map[string]string{"10-a.conf": head + "evictionHard: {pid.available: '1000', memory.available: null}\nimageGCHighThresholdPercent: 90\nfeatureGates: {HugepageAwareEviction: false}\n"},
			Flags:   []string{"--eviction-pressure-transition-period=30s"},
		}},
		{"nothing for the pods' cgroup", &cluster.NodeConfig{
			Kubelet: map[string]any{"enforceNodeAllocatable": []any{"none"}},
			Flags:   []string{"--eviction-hard=memory.available<1.5Gi,nodefs.inodesFree<5%", "--logging-format=json"},
		}},
	} {
		if step.config != nil {
			if err := n.RestartKubelet(t.Context(), *step.config); err != nil {
				t.Fatal(err)
			}
		}
		got := make(map[string]*kubelet.Configuration)
		for name, s := range sources {
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatalf("%s: %s: %v", step.name, name, err)
			}
			k, err := s.Configuration()
			if err != nil || k.Source != name {
				t.Fatalf("%s: %s: %+v, %v", step.name, name, k, err)
			}
			got[name] = k
		}
		compare(t, step.name, got)
	}
}

func compare(t *testing.T, step string, got map[string]*kubelet.Configuration) {
	t.Helper()
	text := cmp.Transformer("text", headroom.Value.String)
	said, files, logged := got[kubelet.FromConfigz], got[kubelet.FromFlags], got[kubelet.FromLog]
	for name, other := range map[string]*kubelet.Configuration{"process and files": files, "on disk": said.OnDisk} {
		if diff := cmp.Diff(said.Thresholds, other.Thresholds, text); diff != "" {
			t.Errorf("%s: -kubelet +%s:\n%s", step, name, diff)
		}
		if diff := cmp.Diff(said.Hard, other.Hard); diff != "" {
			t.Errorf("%s: -kubelet +%s:\n%s", step, name, diff)
		}
		if diff := cmp.Diff(beside(said), beside(other)); diff != "" {
			t.Errorf("%s: -kubelet +%s:\n%s", step, name, diff)
		}
	}
	// A log does not spell quantities as they were written.
	hard := func(ts headroom.Thresholds) (hard []string) {
		for _, t := range ts {
			if t.Eviction == headroom.Hard {
				hard = append(hard, fmt.Sprintf("%s<%d, of a capacity: %t", t.Signal, t.Of(1<<40), t.Value.IsPercentage()))
			}
		}
		return hard
	}
	if diff := cmp.Diff(hard(said.Thresholds), hard(logged.Thresholds)); diff != "" {
		t.Errorf("%s: -kubelet +log:\n%s", step, diff)
	}
	if logged.RootDir != files.RootDir || logged.Version != said.Version || !logged.HardOnly {
		t.Errorf("%s: log: %+v", step, logged)
	}
	if diff := cmp.Diff(said.PodCgroups, logged.PodCgroups); diff != "" {
		t.Errorf("%s: -kubelet +log:\n%s", step, diff)
	}
}

// beside is what there is to compare but for thresholds.
func beside(k *kubelet.Configuration) map[string]any {
	return map[string]any{
		"transition": k.TransitionPeriod, "high": k.ImageGCHigh, "low": k.ImageGCLow, "huge pages": k.HugePages,
		"cgroups": k.PodCgroups, "root": k.RootDir, "runtime": k.RuntimeEndpoint,
	}
}
