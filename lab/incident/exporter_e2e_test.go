//go:build e2e

package incident

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/process/processtest"
	"github.com/nodeheadroom/headroom/lab/product"
)

// An exporter is where a running headroom-exporter listens.
type exporter string

// startExporter starts the exporter beside a node, asking its kubelet. It listens
// where the shipped Prometheus configuration looks for it, unless flags say
// otherwise.
func startExporter(t *testing.T, n *cluster.Node, program string, flags ...string) exporter {
	t.Helper()
	return exporter(processtest.Start(t, process.Options{Path: program, Args: append(n.ExporterFlags(), flags...)}))
}

// threshold waits until the hard threshold of a signal is known, in bytes.
func (e exporter) threshold(t *testing.T, signal string) int64 {
	t.Helper()
	var bytes float64
	wait(t, time.Minute, "the threshold of "+signal, func(ctx context.Context) error {
		scraped, err := product.Scrape(ctx, string(e))
		if err != nil {
			return err
		}
		bytes, err = scraped.Value("headroom_threshold_bytes", "signal", signal, "eviction", "hard")
		return err
	})
	return int64(bytes)
}

// met waits until the exporter says of the hard threshold of a signal that it is
// met, or that it is not.
func (e exporter) met(t *testing.T, signal string, want bool) {
	t.Helper()
	wait(t, time.Minute, fmt.Sprintf("the threshold of %s to be met: %t", signal, want), func(ctx context.Context) error {
		scraped, err := product.Scrape(ctx, string(e))
		if err != nil {
			return err
		}
		got, err := scraped.Value("headroom_threshold_met", "signal", signal, "eviction", "hard")
		if err == nil && (got == 1) != want {
			err = fmt.Errorf("it is %v", got)
		}
		return err
	})
}
