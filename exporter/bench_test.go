package exporter

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/node/kubelet"
)

// The work of a scrape in this process: reading, exposing, encoding.
func BenchmarkScrape(b *testing.B) {
	f := &flags{procfs: "/proc", cgroup: "../node/testdata/v1/cgroup", nodefs: "/", imagefs: "/tmp", timeout: time.Second}
	source, err := kubelet.NewSource(kubelet.Options{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := newCollector(f.node(), source, false, slog.New(slog.DiscardHandler))
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
