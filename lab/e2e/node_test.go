//go:build e2e

package e2e

import (
	"sync"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// housing is held while a node is made or removed: the lab does one at a time.
// Tests that run in parallel each have a node of their own.
var housing sync.Mutex

// quiet is what keeps a kubelet from writing or removing anything by itself while
// a disk is measured: the images stay whatever is left.
var quiet = map[string]any{"imageGCHighThresholdPercent": 100, "evictionPressureTransitionPeriod": "1s"}

// with is quiet and more.
func with(configuration map[string]any) map[string]any {
	all := make(map[string]any)
	for _, m := range []map[string]any{quiet, configuration} {
		for key, value := range m {
			all[key] = value
		}
	}
	return all
}

// startNode starts a node for this test, which may run beside others.
func startNode(t *testing.T, config cluster.NodeConfig) (*cluster.Cluster, *cluster.Node) {
	t.Helper()
	c := cluster.Start(t)
	housing.Lock()
	defer housing.Unlock()
	return c, c.StartNode(removesAlone{t}, config)
}

// removesAlone makes what cleans up after a node hold housing.
type removesAlone struct{ *testing.T }

func (t removesAlone) Cleanup(f func()) {
	t.T.Cleanup(func() {
		housing.Lock()
		defer housing.Unlock()
		f()
	})
}
