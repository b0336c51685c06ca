//go:build e2e

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/disk"
)

func TestMain(m *testing.M) { os.Exit(Main(m.Run)) }

func TestANodeOfEachLayoutRunsAPodAndTellsOfItsDisks(t *testing.T) {
	for name, layout := range map[string]Layout{
		"one disk": OneDisk, "two disks": TwoDisks, "one xfs": OneXFS,
		"two of sizes of their own":     TwoDisks.Sized(1<<30, 3<<29),
		"blocks reserved for root":      {Nodefs: Disk{Type: "ext4", Options: []string{"-m", "10"}}},
		"images on xfs, nodefs on ext4": {Nodefs: Disk{Type: "ext4"}, Imagefs: Disk{Type: "xfs"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := Start(t)
			n := c.StartNode(t, NodeConfig{Layout: layout})
			c.StartPods(t, Workload{Name: "quiet", Node: n})
			s, err := n.Summary(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			same(t, "nodefs", s.Node.FS, n.RootDir())
			same(t, "imagefs", s.Node.Runtime.ImageFS, n.ContainerdRoot())
			if s.Node.Memory.AvailableBytes == nil || s.Node.Rlimit.MaxPID == nil || s.Node.Rlimit.CurProc == nil {
				t.Errorf("memory %+v, pids %+v", s.Node.Memory, s.Node.Rlimit)
			}
			if len(s.Pods) != 1 || s.Pods[0].PodRef.Name != "quiet" || len(s.Pods[0].Containers) != 1 {
				t.Errorf("pods %+v", s.Pods)
			}
		})
	}
}

// same holds the kubelet's capacity against the disk's: what is available may
// have changed since it looked.
func same(t *testing.T, role string, seen *FilesystemStats, path string) {
	t.Helper()
	s, err := disk.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if seen == nil || seen.CapacityBytes == nil || int64(*seen.CapacityBytes) != s.Capacity || seen.AvailableBytes == nil {
		t.Errorf("%s: the kubelet sees %+v, statfs %+v", role, seen, s)
	}
}

func TestAFullDiskSetsDiskPressureAndEvicts(t *testing.T) {
	for name, layout := range map[string]Layout{"one disk": OneDisk, "two disks": TwoDisks, "one xfs": OneXFS} {
		t.Run(name, func(t *testing.T) {
			c := Start(t)
			n := c.StartNode(t, NodeConfig{Layout: layout, Kubelet: map[string]any{
				"evictionHard":                     map[string]any{"nodefs.available": "10%"},
				"evictionPressureTransitionPeriod": "1s",
			}})
			c.StartPods(t, Workload{Name: "victims", Node: n, Replicas: 2})
			if err := n.Nodefs.Leave(100 << 20); err != nil {
				t.Fatal(err)
			}
			if _, err := n.WaitCondition(t.Context(), "DiskPressure", "True"); err != nil {
				t.Fatal(err)
			}
			err := Wait(t.Context(), "an evicted pod", func(ctx context.Context) error {
				evicted, err := n.Evicted(ctx)
				if err == nil && len(evicted) == 0 {
					err = errors.New("none")
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			events, err := c.Events(t.Context(), "reason=EvictionThresholdMet")
			if err != nil || len(events) == 0 {
				t.Errorf("events %v, %v", events, err)
			}
			if log, err := n.Log(); err != nil || !strings.Contains(log, "Eviction manager: attempting to reclaim") {
				t.Errorf("the log says nothing of an eviction: %v", err)
			}
			if err := n.Nodefs.Release(); err != nil {
				t.Fatal(err)
			}
			if _, err := n.WaitCondition(t.Context(), "DiskPressure", "False"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAKubeletIsRestartedWithAnotherConfiguration(t *testing.T) {
	c := Start(t)
	n := c.StartNode(t, NodeConfig{Kubelet: hard("memory.available", "123Mi")})
	c.StartPods(t, Workload{Name: "stays", Node: n})
	steps := []struct {
		what   string
		config NodeConfig
		want   map[string]any
	}{
		{"a file", NodeConfig{Kubelet: hard("memory.available", "234Mi")}, map[string]any{"memory.available": "234Mi"}},
		{"a drop-in over it", NodeConfig{
			Kubelet: hard("memory.available", "234Mi"),
			DropIns: map[string]string{"10-more.conf": dropIn + "evictionHard: {pid.available: 7%}\n"},
		}, map[string]any{"memory.available": "234Mi", "pid.available": "7%"}},
		{"a flag over both", NodeConfig{
			DropIns: map[string]string{"10-more.conf": dropIn + "evictionHard: {pid.available: 7%}\n"},
			Flags:   []string{"--eviction-hard=nodefs.available<3%"},
		}, map[string]any{"nodefs.available": "3%"}},
	}
	for _, step := range steps {
		if err := n.RestartKubelet(t.Context(), step.config); err != nil {
			t.Fatal(err)
		}
		running, err := n.Configz(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(running["evictionHard"]); got != fmt.Sprint(step.want) {
			t.Errorf("%s: %s, want %v", step.what, got, step.want)
		}
	}
	if err := n.WaitReady(t.Context()); err != nil {
		t.Error(err)
	}
	pods, err := n.Pods(t.Context())
	if err != nil || len(pods) != 1 || pods[0].Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the pod did not outlive the kubelets: %+v, %v", pods, err)
	}
}

const dropIn = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

func hard(signal, value string) map[string]any {
	return map[string]any{"evictionHard": map[string]any{signal: value}}
}

func TestAKubeletThatRefusesItsConfigurationIsExplainedByItsLastWords(t *testing.T) {
	c := Start(t)
	_, err := c.Node(t.Context(), NodeConfig{Kubelet: hard("nodefs.available", "ten")})
	if err == nil || !strings.Contains(err.Error(), "quantities must match") {
		t.Errorf("error %v", err)
	}
	if nodes := c.Nodes(); len(nodes) != 0 {
		t.Errorf("nodes left: %v", nodes)
	}
}

func TestSeveralNodesRunAtOnceEachOnItsOwnDisks(t *testing.T) {
	c := Start(t)
	a := c.StartNode(t, NodeConfig{Layout: OneDisk.Sized(1<<30, 0)})
	b := c.StartNode(t, NodeConfig{Name: "other", Layout: OneXFS})
	for _, n := range []*Node{a, b} {
		c.StartPods(t, Workload{Name: "on-" + n.Name, Node: n})
		s, err := n.Summary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		same(t, n.Name, s.Node.FS, n.RootDir())
	}
}

func TestTheObserverMayReadTheKubeletAndNothingElse(t *testing.T) {
	c := Start(t)
	n := c.StartNode(t, NodeConfig{})
	token, err := os.ReadFile(c.Token())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(pair KeyPair, token, path string) int {
		client, err := newClient(c.CA(), pair)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			client.Transport.(*http.Transport).TLSClientConfig.Certificates = nil
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	for path, want := range map[string]int{"/configz": 200, "/stats/summary": 200, "/metrics": 200, "/pods": 403, "/logs/": 403} {
		if got := ask(c.Certificate(), "", path); got != want {
			t.Errorf("%s by certificate: %d, want %d", path, got, want)
		}
		if got := ask(KeyPair{c.Admin().Cert, c.Admin().Key}, string(token), path); got != want {
			t.Errorf("%s by token: %d, want %d", path, got, want)
		}
		if got := ask(c.Stranger(), "", path); got != 403 {
			t.Errorf("%s by a stranger: %d", path, got)
		}
	}
}

// A kubelet looks at the mounts once, when it starts.
func TestADiskMountedLateIsUnknownToTheKubelet(t *testing.T) {
	c := Start(t)
	n := c.StartNode(t, NodeConfig{Layout: OneDisk})
	if err := n.StopContainerd(); err != nil {
		t.Fatal(err)
	}
	if err := n.Mount(n.ContainerdRoot(), Disk{Type: "ext4", Size: 512 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := n.StartContainerd(t.Context()); err != nil {
		t.Fatal(err)
	}
	here, err := disk.Stat(n.ContainerdRoot())
	if err != nil {
		t.Fatal(err)
	}
	inside, err := n.Command(t.Context(), "stat", "-f", "-c", "%b", n.ContainerdRoot())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := inside.Output(); err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(here.Capacity/here.Block) {
		t.Errorf("inside the node it has %s blocks, outside %d: %v", out, here.Capacity/here.Block, err)
	}
	old, err := disk.Stat(n.RootDir())
	if err != nil {
		t.Fatal(err)
	}
	err = Wait(t.Context(), "the kubelet to answer again", func(ctx context.Context) error {
		s, err := n.Summary(ctx)
		if err == nil && (s.Node.Runtime == nil || s.Node.Runtime.ImageFS == nil || s.Node.Runtime.ImageFS.CapacityBytes == nil) {
			err = errors.New("no image filesystem")
		}
		if err == nil && int64(*s.Node.Runtime.ImageFS.CapacityBytes) != old.Capacity {
			t.Errorf("the kubelet sees %d bytes; it should not know of the disk", *s.Node.Runtime.ImageFS.CapacityBytes)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
