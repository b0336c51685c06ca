//go:build e2e

package pod

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/lab/product"
)

// stays fills nodefs until the kubelet evicts: the exporter goes on, and one that
// is deleted now comes back, where others are refused.
func (d *deployed) stays(t *testing.T) {
	app := cluster.Workload{Name: "app", Node: d.node}
	d.cluster.StartPods(t, app)
	s, err := disk.Stat(d.node.RootDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.node.Nodefs.Take(s.Available - s.Capacity/20); err != nil {
		t.Fatal(err)
	}
	if _, err := d.node.WaitCondition(t.Context(), "DiskPressure", "True"); err != nil {
		t.Fatal(err)
	}
	wait(t, "the other pod to be evicted", func(ctx context.Context) error {
		pods, err := d.cluster.PodsOf(ctx, app)
		if err == nil && (len(pods) != 1 || pods[0].Ready()) {
			err = errors.New("it is not")
		}
		return err
	})
	d.isMet(t)

	if err := d.cluster.Do(t.Context(), http.MethodDelete, "/api/v1/namespaces/headroom/pods/"+d.pod.Metadata.Name, nil, nil); err != nil {
		t.Fatal(err)
	}
	d.ready(t)
	d.isMet(t)
}

// isMet waits for the pod to say that the threshold is met.
func (d *deployed) isMet(t *testing.T) {
	t.Helper()
	wait(t, "the pod to say so", func(ctx context.Context) error {
		scraped, err := product.Scrape(ctx, d.address)
		if err != nil {
			return err
		}
		met, err := scraped.Value("headroom_threshold_met", "signal", "nodefs.available", "eviction", "hard")
		if err == nil && met != 1 {
			err = fmt.Errorf("it says %v", met)
		}
		return err
	})
}
