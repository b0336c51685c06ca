//go:build e2e

package pod

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/product"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// TestMain builds the programs that the lab has no use for before there is no
// network any more.
func TestMain(m *testing.M) {
	if err := tools.Build(context.Background(), []string{"prometheus"}, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(cluster.Main(m.Run))
}

// A deployed is the exporter's DaemonSet on one node.
type deployed struct {
	cluster *cluster.Cluster
	node    *cluster.Node
	program string // that its image has
	pod     cluster.Pod
	address string // host:port, as Prometheus scrapes it
}

func TestTheDaemonSet(t *testing.T) {
	c := cluster.Start(t)
	program, err := product.Build(t.Context(), t.TempDir(), "headroom-exporter")
	if err != nil {
		t.Fatal(err)
	}
	n := c.StartNode(t, cluster.NodeConfig{Layout: cluster.TwoDisks.Sized(1<<30, 1<<30)})
	d := &deployed{cluster: c, node: n, program: program}
	d.apply(t)
	t.Run("is nobody and may write nowhere", d.isNobody)
	t.Run("shows all there is, asked from the kubelet", d.showsAll)
	t.Run("shows what an exporter beside the kubelet shows", d.showsTheSame)
	t.Run("may ask the kubelet three questions", d.asksThree)
	t.Run("may ask the API server nothing", d.asksNothing)
	t.Run("is found by the shipped Prometheus configuration", d.isScraped)
	t.Run("verifies the kubelet's certificate where it can", d.verifies)
	t.Run("stays on a node that evicts", d.stays) // the last: the node stays full
}

// wait waits for what takes seconds.
func wait(t *testing.T, what string, met func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, fmt.Errorf("two minutes are over"))
	defer cancel()
	if err := cluster.Wait(ctx, what, met); err != nil {
		t.Fatal(err)
	}
}
