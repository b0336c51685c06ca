//go:build e2e

package pod

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/process/processtest"
	"github.com/nodeheadroom/headroom/lab/product"
)

// showsAll scrapes the pod by its address, as Prometheus does.
func (d *deployed) showsAll(t *testing.T) {
	var scraped product.Samples
	wait(t, "every reader to succeed, those in the background, too", func(ctx context.Context) error {
		var err error
		if scraped, err = product.Scrape(ctx, d.address); err != nil {
			return err
		}
		for _, metric := range []string{"headroom_consumer_bytes", "headroom_evictions_total", "headroom_kubelet_divergence_ratio"} {
			if len(scraped.Of(metric)) == 0 {
				return fmt.Errorf("there is no %s", metric)
			}
		}
		return failing(scraped)
	})
	for _, signal := range headroom.Signals() {
		for _, figure := range []string{"available", "capacity"} {
			metric := fmt.Sprintf("headroom_signal_%s_%s", figure, signal.Unit())
			if _, err := scraped.Value(metric, "signal", string(signal)); err != nil {
				t.Error(err)
			}
		}
	}
	if info := scraped.Of("headroom_thresholds_info"); len(info) != 1 || info[0].Metric["source"] != "configz" {
		t.Errorf("the thresholds are from %v", info)
	}
	for _, signal := range []string{"memory.available", "nodefs.available", "imagefs.available"} { // of the kubelet's defaults
		if _, err := scraped.Value("headroom_threshold_bytes", "signal", signal, "eviction", "hard"); err != nil {
			t.Error(err)
		}
	}
}

// verifies does what a comment of the manifest says for kubelets whose certificate
// the cluster's authority has signed.
func (d *deployed) verifies(t *testing.T) {
	for _, object := range d.manifest(t, "- --kubelet.insecure-skip-verify", "- --kubelet.ca-file=/var/run/secrets/headroom/ca.crt") {
		if err := d.cluster.Put(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	d.ready(t)
	wait(t, "every reader to succeed", func(ctx context.Context) error {
		scraped, err := product.Scrape(ctx, d.address)
		if err != nil {
			return err
		}
		return failing(scraped)
	})
}

// failing is an error if a reader has failed, or there is none.
func failing(scraped product.Samples) error {
	readers := scraped.Of("headroom_read_success")
	if len(readers) == 0 {
		return errors.New("there are no readers")
	}
	for _, reader := range readers {
		if reader.Value != 1 {
			return fmt.Errorf("%s fails", reader.Metric["reader"])
		}
	}
	return nil
}

// showsTheSame compares the pod with an exporter that is root, beside the kubelet,
// and sees the machine without any mount between. The kubelet's files, which are
// root's, neither reads.
func (d *deployed) showsTheSame(t *testing.T) {
	admin := d.cluster.Admin()
	beside := processtest.Start(t, process.Options{Path: d.program, Args: []string{
		"--path.nodefs=" + d.node.RootDir(), "--path.imagefs=" + d.node.ContainerdRoot(), "--web.listen-address=127.0.0.1:0", "--no-kubelet.process",
		"--kubelet.url=" + d.node.URL, "--kubelet.ca-file=" + d.cluster.CA(), "--kubelet.cert-file=" + admin.Cert, "--kubelet.key-file=" + admin.Key,
	}})
	wait(t, "both to show the same", func(ctx context.Context) error {
		want, err := product.Scrape(ctx, beside)
		if err != nil {
			return err
		}
		got, err := product.Scrape(ctx, d.address)
		if err != nil {
			return err
		}
		if err := errors.Join(failing(want), failing(got)); err != nil {
			return err
		}
		if diff := cmp.Diff(figures(want), figures(got), cmp.Comparer(near)); diff != "" {
			return fmt.Errorf("the pod differs (-beside +pod):\n%s", diff)
		}
		return nil
	})
}

// A figure is a sample that two exporters on one node must agree about.
type figure struct {
	value float64
	moves bool // by itself, from moment to moment
}

// near compares figures: what moves is the same within a hundredth.
func near(a, b figure) bool {
	return a.value == b.value || a.moves && b.moves && math.Abs(a.value-b.value) <= 0.01*max(math.Abs(a.value), math.Abs(b.value))
}

// other is what is not about the node: when and how long it was read, and what a
// kubelet that is asked now and then has said last.
var other = regexp.MustCompile(`^headroom_(.+_(duration|timestamp|divergence|build_info)|consumer)|^[^h]`)

// figures keeps what is about the node, without the path by which it was read.
func figures(s product.Samples) map[string]figure {
	all := make(map[string]figure)
	for _, sample := range s {
		if other.MatchString(string(sample.Metric[model.MetricNameLabel])) {
			continue
		}
		m := sample.Metric.Clone()
		delete(m, "mountpoint")
		moves := slices.Contains([]model.LabelValue{"memory.available", "allocatableMemory.available", "pid.available"}, m["signal"])
		all[m.String()] = figure{float64(sample.Value), moves}
	}
	return all
}
