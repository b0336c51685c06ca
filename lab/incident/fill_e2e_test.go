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
	"github.com/nodeheadroom/headroom/lab/prometheus"
)

const (
	signal = "nodefs.available"
	// series is what the rules predict of it.
	series = `headroom_signal_available_bytes{signal="` + signal + `"}`
	// takes is the fastest fill of which the design promises anything.
	takes = 2 * time.Minute
	// promised is how long before DiskPressure the alert must fire.
	promised = 30 * time.Second
	replicas = 3 // of the Deployment
)

// An incident is one fill of a node, and when what happened.
type incident struct {
	node       *cluster.Node
	prometheus prometheus.Server
	threshold  int64

	began    time.Time // the fill
	imminent time.Time // fires HeadroomEvictionImminent
	met      time.Time // is the threshold, by statfs
	said     time.Time // fires HeadroomThresholdMet
	pressure time.Time // is DiskPressure, in the API
	evicted  time.Time // is the first pod, in the API

	pods    int // evicted in the end
	refused int // that were to replace them
}

// fillInTwoMinutes plays the incident live and hands what was scraped of it to
// the longer fills.
func fillInTwoMinutes(t *testing.T, c *cluster.Cluster, n *cluster.Node, program string) {
	e := startExporter(t, n, program)
	app := cluster.Workload{Name: "app", Node: n, Replicas: replicas, Containers: map[string][]string{"app": {"log", "10000000", "2000"}}}
	c.StartPods(t, app)
	i := &incident{node: n, threshold: e.threshold(t, signal)}
	s := i.space(t)
	if err := n.Nodefs.Take(s.Available - s.Capacity*6/10); err != nil {
		t.Fatal(err)
	}
	i.prometheus = startPrometheus(t)
	i.quiet(t)
	i.fill(t)
	i.announced(t)
	i.report(t)

	fall := Fall{Begin: i.began, Met: i.met}
	var err error
	fall.Recording, err = i.prometheus.Samples(t.Context(), recorded, time.Since(i.began)+takes)
	if err != nil {
		t.Fatal(err)
	}
	stretched(t, fall)
}

// quiet waits until Prometheus has two quiet minutes: what the fast rules look
// back on.
func (i *incident) quiet(t *testing.T) {
	t.Helper()
	wait(t, 5*time.Minute, "two quiet minutes in Prometheus", func(ctx context.Context) error {
		first, err := i.prometheus.First(ctx, series, 5*time.Minute)
		if err == nil && time.Since(first) < takes {
			err = fmt.Errorf("the first sample is of %s", first)
		}
		return err
	})
	if alerts, err := i.prometheus.Samples(t.Context(), `ALERTS{filesystem!=""}`, 5*time.Minute); err != nil || len(alerts) > 0 {
		t.Fatalf("on a quiet node there are %v, %v", alerts, err)
	}
}

// fill fills nodefs evenly, past the threshold, as something does that knows
// nothing of thresholds, and waits for the end of the story: every pod is evicted,
// those that replace them are refused, and the kubelet has nothing left to evict.
func (i *incident) fill(t *testing.T) {
	t.Helper()
	s := i.space(t)
	i.began = time.Now()
	filled := make(chan error, 1)
	go func() {
		rate := float64(s.Available-i.threshold) / takes.Seconds()
		filled <- i.node.Nodefs.Pour(t.Context(), int64(rate), s.Capacity/50)
	}()
	wait(t, 8*time.Minute, "the end of the story", i.look)
	if err := <-filled; err != nil {
		t.Fatal(err)
	}
}

// look notes what has happened since it looked last; it is an error that the end
// has not come.
func (i *incident) look(ctx context.Context) error {
	s, err := disk.Stat(i.node.RootDir())
	if err != nil {
		return err
	}
	happened(&i.met, s.Available < i.threshold)
	node, err := i.node.Object(ctx)
	if err != nil {
		return err
	}
	happened(&i.pressure, node.Condition("DiskPressure").Status == "True")
	if err := i.count(ctx); err != nil {
		return err
	}
	happened(&i.evicted, i.pods > 0)
	if i.pods < replicas || i.pressure.IsZero() {
		return fmt.Errorf("%d bytes are left above the threshold, %d pods evicted", s.Available-i.threshold, i.pods)
	}
	log, err := i.node.Log()
	if err == nil && !strings.Contains(log, "eviction thresholds have been met, but no pods are active to evict") {
		err = errors.New("the kubelet still finds pods to evict")
	}
	return err
}

// happened notes the first time that something is so.
func happened(at *time.Time, is bool) {
	if is && at.IsZero() {
		*at = time.Now()
	}
}

// count counts the pods that the kubelet has evicted and refused.
func (i *incident) count(ctx context.Context) error {
	pods, err := i.node.Pods(ctx)
	if err != nil {
		return err
	}
	i.pods, i.refused = 0, 0
	for _, pod := range pods {
		switch {
		case fate(pod) != "":
			i.pods++
		case refused(pod):
			i.refused++
		}
	}
	return nil
}

// announced fails the test unless the alert came early enough, and none about what
// was quiet.
func (i *incident) announced(t *testing.T) {
	t.Helper()
	back := time.Since(i.began)
	for alert, at := range map[string]*time.Time{imminent: &i.imminent, "HeadroomThresholdMet": &i.said} {
		var err error
		if *at, err = i.prometheus.First(t.Context(), firing(alert), back); err != nil {
			t.Fatal(err)
		}
	}
	if lead := i.lead(); lead < promised {
		t.Errorf("the alert fires %s before the kubelet acts, want %s", lead, promised)
	}
	others, err := i.prometheus.Samples(t.Context(), `ALERTS{alertstate="firing",filesystem!="",signal!="`+signal+`"}`, back)
	if err != nil || len(others) > 0 {
		t.Errorf("alerts about what is quiet: %v, %v", others, err)
	}
}

func firing(alert string) string {
	return fmt.Sprintf(`ALERTS{alertname=%q,alertstate="firing",signal=%q}`, alert, signal)
}

func (i *incident) space(t *testing.T) disk.Space {
	t.Helper()
	s, err := disk.Stat(i.node.RootDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
