package product

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exposition = `# TYPE headroom_ratio gauge
headroom_ratio{eviction="hard",signal="nodefs.available"} 0.5
headroom_ratio{eviction="soft",signal="nodefs.available"} 0.4
# TYPE up gauge
up 1
`

func TestAScrapeIsFoundByItsLabels(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		io.WriteString(w, exposition)
	}))
	defer server.Close()
	s, err := Scrape(t.Context(), strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Value("headroom_ratio", "signal", "nodefs.available", "eviction", "soft"); v != 0.4 || err != nil {
		t.Errorf("the soft one is %v, %v", v, err)
	}
	for _, labels := range [][]string{{"signal", "nodefs.available"}, {"signal", "pid.available"}} {
		if v, err := s.Value("headroom_ratio", labels...); err == nil {
			t.Errorf("%q is one series, %v", labels, v)
		}
	}
	want := map[string]float64{
		`headroom_ratio{eviction="hard", signal="nodefs.available"}`: 0.5,
		`headroom_ratio{eviction="soft", signal="nodefs.available"}`: 0.4,
		`up`: 1,
	}
	if diff := cmp.Diff(want, s.Series()); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}
