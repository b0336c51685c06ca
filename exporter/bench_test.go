package exporter

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// The work of a scrape in this process: reading, exposing, encoding. First of a
// node of which nothing else is known; then with thresholds; then with everything
// that a kubelet with 200 pods of 5 containers says, which must make no
// difference worth mentioning.
func BenchmarkScrape(b *testing.B) {
	b.Run("nothing-else-known", func(b *testing.B) {
		source, err := kubelet.NewSource(kubelet.Options{})
		if err != nil {
			b.Fatal(err)
		}
		benchmark(b, benchCollector(b, source))
	})
	b.Run("thresholds", func(b *testing.B) {
		benchmark(b, benchCollector(b, kept{configuration(b, "")}))
	})
	b.Run("everything", func(b *testing.B) {
		c := benchCollector(b, kept{configuration(b, "")})
		c.observer = observing(b, c.node, summaryOf(200, 5), 10)
		benchmark(b, c)
	})
}

func benchCollector(b *testing.B, s configurations) *collector {
	n := node.New(node.Config{
		Host:    node.Host{Proc: "/proc", Cgroup: "../node/testdata/v1/cgroup"},
		Facts:   node.Fixed(map[headroom.Filesystem]string{headroom.NodeFS: "/", headroom.ImageFS: "/tmp", headroom.ContainerFS: "/tmp"}),
		Timeout: time.Second,
	})
	c, err := newCollector(n, s, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func benchmark(b *testing.B, c *collector) {
	handler, err := newHandler(c)
	if err != nil {
		b.Fatal(err)
	}
	request := httptest.NewRequest("GET", "/metrics", nil)
	request.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
}

// observing returns an observer that has read a summary, and the kubelet's
// metrics.
func observing(t testing.TB, n snapshots, s *kubelet.Summary, consumers int) *observer {
	t.Helper()
	o := newObserver(says{s}, says{s}, n, consumers, slog.New(slog.DiscardHandler))
	o.summary.Refresh(t.Context())
	o.metrics.Refresh(t.Context())
	if seen, counts := o.known(); seen == nil || counts == nil {
		t.Fatal("the observer has seen nothing")
	}
	return o
}

// summaryOf is what a kubelet says of as many pods.
func summaryOf(pods, containers int) *kubelet.Summary {
	s := &kubelet.Summary{Readings: []headroom.Reading{
		{Signal: headroom.MemoryAvailable, Available: 12 << 30, Capacity: 16 << 30},
		{Signal: headroom.NodeFSAvailable, Available: 10 << 30, Capacity: 100 << 30}, {Signal: headroom.NodeFSInodesFree, Available: 100, Capacity: 1000},
		{Signal: headroom.ImageFSAvailable, Available: 10 << 30, Capacity: 100 << 30}, {Signal: headroom.ImageFSInodesFree, Available: 100, Capacity: 1000},
		{Signal: headroom.PIDAvailable, Available: 1000, Capacity: 32768},
	}}
	add := func(fs headroom.Filesystem, k headroom.Kind, pod, container string, used int) {
		c := headroom.Consumer{Filesystem: fs, Kind: k, Namespace: "production-services", Pod: pod, Container: container}
		for _, u := range []headroom.Unit{headroom.Bytes, headroom.Inodes} {
			c.Unit, c.Used = u, int64(used)
			s.Consumers = append(s.Consumers, c)
		}
	}
	for p := range pods {
		pod := fmt.Sprintf("deployment-with-a-name-6d4cf56db6-%05d", p)
		add(headroom.NodeFS, headroom.EmptyDir, pod, "", 1+p*7919%1000)
		s.Consumers = append(s.Consumers, headroom.Consumer{Kind: headroom.Processes, Namespace: "production-services", Pod: pod, Unit: headroom.PIDs, Used: int64(1 + p*31%50)})
		for c := range containers {
			container := fmt.Sprintf("container-%d", c)
			add(headroom.NodeFS, headroom.Logs, pod, container, 1+p*c*104729%100000)
			add(headroom.ContainerFS, headroom.WritableLayer, pod, container, 1+p*c*1299709%100000)
		}
	}
	add(headroom.ImageFS, headroom.Images, "", "", 5<<30)
	return s
}
