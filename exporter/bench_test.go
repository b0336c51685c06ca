package exporter

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// The work of a scrape in this process: reading, exposing, encoding.
func BenchmarkScrape(b *testing.B) {
	n := node.New(node.Config{
		Host:    node.Host{Proc: "/proc", Cgroup: "../node/testdata/v1/cgroup"},
		Facts:   node.Fixed(map[headroom.Filesystem]string{headroom.NodeFS: "/", headroom.ImageFS: "/tmp", headroom.ContainerFS: "/tmp"}),
		Timeout: time.Second,
	})
	source, err := kubelet.NewSource(kubelet.Options{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := newCollector(n, source, false, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
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
