package exporter

import (
	"compress/gzip"
	"io"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

func TestScrapeIsCompressedForWhomItMay(t *testing.T) {
	source, err := kubelet.NewSource(kubelet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := collect(t, node.New(node.Config{Facts: node.Fixed(nil), Timeout: time.Minute}), source)
	for accepted, want := range map[string]bool{
		"":                     false,
		"gzip":                 true,
		"deflate, GZIP":        true,
		"gzip;q=0.5, identity": true,
		"gzip; q=1":            true,
		"gzip;q=0":             false,
		"gzip; q=0.000":        false,
		"identity;q=1":         false,
		"gzipped":              false,
	} {
		for range 2 { // the second one uses the first one's space
			r := httptest.NewRequest("GET", "/metrics", nil)
			r.Header.Set("Accept-Encoding", accepted)
			w := httptest.NewRecorder()
			c.ServeHTTP(w, r)
			if length := w.Header().Get("Content-Length"); length != strconv.Itoa(w.Body.Len()) {
				t.Errorf("%q: Content-Length %s, but %d bytes", accepted, length, w.Body.Len())
			}
			if got := w.Header().Get("Content-Encoding") == "gzip"; got != want {
				t.Errorf("%q: compressed: %t", accepted, got)
				continue
			}
			var body io.Reader = w.Body
			if want {
				if body, err = gzip.NewReader(w.Body); err != nil {
					t.Fatal(err)
				}
			}
			text, err := io.ReadAll(body)
			if err != nil || !strings.Contains(string(text), "\nheadroom_read_success{reader=\"memory\"} 0\n") {
				t.Errorf("%q: %v\n%s", accepted, err, text)
			}
		}
	}
}
