//go:build e2e

package incident

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
)

// oneDisk shows what the kubelet's defaults mean for a node with one disk: not
// nodefs's 10 %, but imagefs's 15 % is where it evicts.
func oneDisk(t *testing.T, c *cluster.Cluster, n *cluster.Node, program string) {
	c.StartPods(t, cluster.Workload{Name: "only", Node: n})
	e := startExporter(t, n, program, "--web.listen-address=127.0.0.1:0")
	threshold := e.threshold(t, "imagefs.available")
	s, err := disk.Stat(n.RootDir())
	if err != nil {
		t.Fatal(err)
	}
	above, below := s.Capacity*16/100, s.Capacity*14/100

	if err := n.Nodefs.Take(s.Available - above); err != nil {
		t.Fatal(err)
	}
	e.met(t, "imagefs.available", false)
	seen(t, n, above)
	if pressure := diskPressure(t, n); pressure.Status != "False" {
		t.Fatalf("with 16 %% available DiskPressure is %q", pressure.Status)
	}

	if err := n.Nodefs.Take(above - below); err != nil {
		t.Fatal(err)
	}
	e.met(t, "imagefs.available", true)
	first := time.Now()
	pressure, err := n.WaitCondition(t.Context(), "DiskPressure", "True")
	if err != nil {
		t.Fatal(err)
	}
	if first.After(pressure.LastTransitionTime.Add(2 * time.Second)) { // whole seconds, rounded down
		t.Errorf("the exporter says so at %s, the kubelet at %s", first, pressure.LastTransitionTime)
	}
	later := time.Since(first)
	e.met(t, "nodefs.available", false)
	evictedBy(t, n, threshold)
	t.Logf("one disk, 14 %% available: imagefs.available is met, which is 15 %%; nodefs.available, 10 %%, is not. DiskPressure is up %.1f s after the exporter has said so, and the pod is evicted by imagefs's threshold.", later.Seconds())
}

func diskPressure(t *testing.T, n *cluster.Node) cluster.Condition {
	t.Helper()
	object, err := n.Object(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return object.Condition("DiskPressure")
}

// seen waits until the kubelet has seen that about available bytes are left: others
// write, too.
func seen(t *testing.T, n *cluster.Node, available int64) {
	t.Helper()
	wait(t, time.Minute, "the kubelet to look", func(ctx context.Context) error {
		s, err := n.Summary(ctx)
		if err != nil {
			return err
		}
		if got := int64(*s.Node.FS.AvailableBytes); got > available+available/32 {
			return fmt.Errorf("it sees %d bytes", got)
		}
		return nil
	})
}

// evictedBy waits for the node's pod to be evicted by a threshold of that many
// bytes.
func evictedBy(t *testing.T, n *cluster.Node, threshold int64) {
	t.Helper()
	want := fmt.Sprintf("Threshold quantity: %d,", threshold)
	wait(t, time.Minute, "the pod to be evicted", func(ctx context.Context) error {
		pods, err := n.Pods(ctx)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			why := fate(pod)
			if strings.Contains(why, want) {
				return nil
			}
			if why != "" {
				t.Errorf("it is evicted, but not with %q: %s", want, why)
				return nil
			}
		}
		return errors.New("it runs")
	})
}
