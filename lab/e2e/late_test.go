//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
)

// Not beside other tests: a node sees every node's disks, and a kubelet takes a new
// disk that has a removed one's device number for that one.
func TestFilesystemMountedUnderARunningKubeletIsStaleUntilItRestarts(t *testing.T) {
	config := cluster.NodeConfig{Layout: cluster.TwoDisks, Kubelet: quiet}
	for name, test := range map[string]struct {
		signal, other headroom.Signal
		mount         func(*testing.T, *cluster.Node)
	}{
		"images, moved to another disk": {headroom.ImageFSAvailable, headroom.NodeFSAvailable, moveImages},
		"the kubelet's root directory":  {headroom.NodeFSAvailable, headroom.ImageFSAvailable, coverRoot},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, n := startNode(t, config)
			stale := func(value float64) func(samples) error {
				return func(s samples) error {
					return errors.Join(problem(s, "filesystem_stale", test.signal, value), problem(s, "filesystem_stale", test.other, 0),
						diverges(t, n, s, test.signal), diverges(t, n, s, test.other))
				}
			}
			e := startExporter(t, n, "--kubelet.summary-interval=30s")
			e.await(t, "that the kubelet sees the disks there are", stale(0))
			if said := check(t, n); says(said.stdout, "", "filesystem stale") {
				t.Errorf("check says already that something is stale:\n%s", said.stdout)
			}

			test.mount(t, n)
			e.await(t, "that the kubelet sees another disk than there is", stale(1))
			if said := check(t, n); !says(said.stdout, string(test.signal), "filesystem stale") {
				t.Errorf("check does not say that %s is stale:\n%s", test.signal, said.stdout)
			}

			if err := n.RestartKubelet(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			awaitSummary(t, n, test.signal) // an exporter that asks too soon asks again only in a while
			startExporter(t, n).await(t, "that the kubelet sees the new disk", stale(0))
		})
	}
}

// moveImages gives containerd a disk of its own while the kubelet runs.
func moveImages(t *testing.T, n *cluster.Node) {
	t.Helper()
	if err := n.StopContainerd(); err != nil {
		t.Fatal(err)
	}
	if err := n.Mount(n.ContainerdRoot(), cluster.Disk{Type: "ext4", Size: 300 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := n.StartContainerd(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// coverRoot mounts a disk over the root directory of a kubelet that runs.
func coverRoot(t *testing.T, n *cluster.Node) {
	t.Helper()
	if err := n.Mount(n.RootDir(), cluster.Disk{Type: "ext4", Size: 350 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(n.RootDir(), "pods"), 0o750); err != nil {
		t.Fatal(err)
	}
}

// awaitSummary waits for a kubelet to have an observation of a signal.
func awaitSummary(t *testing.T, n *cluster.Node, signal headroom.Signal) {
	t.Helper()
	err := cluster.Wait(t.Context(), "the kubelet to see "+string(signal), func(ctx context.Context) error {
		seen, err := observe(ctx, n)
		if _, ok := seen[signal]; err == nil && !ok {
			err = errors.New("it does not")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// diverges wants the divergence of a signal's capacity to be that of what the
// kubelet says and what the disk has.
func diverges(t *testing.T, n *cluster.Node, s samples, signal headroom.Signal) error {
	t.Helper()
	seen, err := observe(t.Context(), n)
	if err != nil {
		return err
	}
	r, err1 := s.reading(signal)
	got, err2 := s.get("headroom_kubelet_divergence_ratio", "signal", string(signal), "of", "capacity")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	kubelet := seen[signal].Capacity
	if want := float64(kubelet-r.Capacity) / float64(r.Capacity); math.Abs(got-want) > 1e-9 {
		return fmt.Errorf("the capacity of %s diverges by %v, want %v: the kubelet sees %d of %d", signal, got, want, kubelet, r.Capacity)
	}
	return nil
}
