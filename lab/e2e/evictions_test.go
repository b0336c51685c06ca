//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

func TestEvictionsAreCountedAsTheKubeletCountsThem(t *testing.T) {
	t.Parallel()
	c, n := startNode(t, cluster.NodeConfig{
		Layout:  cluster.TwoDisks.Sized(1<<30, 1<<30),
		Kubelet: with(map[string]any{"evictionHard": map[string]any{"nodefs.available": "10%", "imagefs.available": "1%"}}),
	})
	e := startExporter(t, n, "--kubelet.metrics-interval=10s")
	counted := func(nodefs, imagefs float64) func(samples) error {
		return func(s samples) error {
			return errors.Join(
				s.want(nodefs, "headroom_evictions_total", "signal", "nodefs.available"),
				s.want(imagefs, "headroom_evictions_total", "signal", "imagefs.available"))
		}
	}
	e.await(t, "that none is evicted", counted(0, 0))

	const pods = 2
	for i := range pods {
		c.StartPods(t, cluster.Workload{Name: fmt.Sprintf("evicted-%s-%d", n.Name, i), Node: n,
			Containers: map[string][]string{"writes": {"write", "/data/file", "50000000"}}})
	}
	// What the pods give back does not help.
	if err := n.Nodefs.Leave(40 << 20); err != nil {
		t.Fatal(err)
	}
	e.await(t, "that both pods are evicted, as the kubelet does", func(s samples) error {
		answer, err := n.Get(t.Context(), "/metrics")
		if err != nil {
			return err
		}
		kubelet, err := decode(bytes.NewReader(answer), http.Header{"Content-Type": {"text/plain; version=0.0.4"}})
		if err != nil {
			return err
		}
		return errors.Join(kubelet.want(pods, "kubelet_evictions", "eviction_signal", "nodefs.available"), counted(pods, 0)(s))
	})
}
