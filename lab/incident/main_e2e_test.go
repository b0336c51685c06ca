//go:build e2e

package incident

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/process/processtest"
	"github.com/nodeheadroom/headroom/lab/product"
	"github.com/nodeheadroom/headroom/lab/prometheus"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// TestMain builds the programs that the lab has no use for before there is no
// network any more.
func TestMain(m *testing.M) {
	if err := tools.Build(context.Background(), []string{"prometheus", "promtool"}, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(cluster.Main(m.Run))
}

// The incident takes minutes, of which it waits for most: what can be shown beside
// it is.
func TestIncidents(t *testing.T) {
	c := cluster.Start(t)
	bin := t.TempDir()
	program, err := product.Build(t.Context(), bin, "headroom-exporter")
	if err != nil {
		t.Fatal(err)
	}
	// By this name the shipped Prometheus configuration knows its machine. The
	// kubelets have their own defaults, whole.
	two := c.StartNode(t, cluster.NodeConfig{Name: "node-1", Layout: cluster.TwoDisks.Sized(1<<30, 1<<30)})
	one := c.StartNode(t, cluster.NodeConfig{Layout: cluster.OneDisk})
	t.Run("side by side", func(t *testing.T) {
		t.Run("nodefs fills up in two minutes", func(t *testing.T) { t.Parallel(); fillInTwoMinutes(t, c, two, program) })
		t.Run("one disk", func(t *testing.T) { t.Parallel(); oneDisk(t, c, one, program) })
	})
}

// startPrometheus starts Prometheus with the shipped configuration and rules.
func startPrometheus(t *testing.T) prometheus.Server {
	t.Helper()
	program, args, err := prometheus.Command(t.TempDir(), "prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	return prometheus.Server(processtest.Start(t, process.Options{Path: program, Args: append(args, "--web.listen-address=127.0.0.1:0")}))
}

// wait waits for something, minutes if need be.
func wait(t *testing.T, limit time.Duration, what string, met func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), limit, fmt.Errorf("%s are over", limit))
	defer cancel()
	if err := cluster.Wait(ctx, what, met); err != nil {
		t.Fatal(err)
	}
}
