package kubelet

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kubeletWith stands in for a kubelet that answers every path so.
func kubeletWith(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server
}

func viewer(t *testing.T, o Options) *Viewer {
	t.Helper()
	v, err := NewViewer(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestViewerAsksTheKubelet(t *testing.T) {
	var asked []string
	server := kubeletWith(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+r.Header.Get("Accept-Encoding"))
		switch r.URL.Path {
		case "/stats/summary":
			w.Write(recorded(t))
		case "/metrics":
			w.Write(recordedMetrics(t))
		}
	})
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := viewer(t, Options{URL: server.URL + "/", InsecureSkipVerify: true, TokenFile: token})
	s, err := v.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(parseSummary(t, recorded(t)), s); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(token, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := v.Metrics(t.Context())
	if err != nil || m.Version != "v1.37.2" || m.Evictions["memory.available"] != 12 {
		t.Errorf("%+v, %v", m, err)
	}
	want := []string{"GET /stats/summary Bearer one", "GET /metrics Bearer two"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

func TestViewerNeedsAKubelet(t *testing.T) {
	for url, want := range map[string]string{
		"":                "--kubelet.url",
		"127.0.0.1:10250": "kubelet URL: ",
	} {
		if _, err := NewViewer(Options{URL: url}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestViewersErrorsSayWhatToDo(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", code) }
	}
	for name, c := range map[string]struct {
		handler          http.HandlerFunc
		summary, metrics string
	}{
		"401": {status(401), "--kubelet.token-file", "--kubelet.token-file"},
		"403": {status(403), `"get" on nodes/stats`, `"get" on nodes/metrics`},
		"404": {status(404), "404 Not Found", "404 Not Found"},
		"500": {status(500), "500 Internal Server Error", "500 Internal Server Error"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/pods", http.StatusFound) },
			"302 Found", "302 Found"},
		"a page": {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>\n") },
			"not a kubelet's summary", "not a kubelet's metrics"},
		"a connection cut short": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000000")
			io.WriteString(w, `{"node":{},"pods":[{`)
		}, "unexpected EOF", "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			server := kubeletWith(t, c.handler)
			v := viewer(t, Options{URL: server.URL, InsecureSkipVerify: true})
			_, err := v.Summary(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.summary) || !strings.Contains(err.Error(), server.URL+"/stats/summary") {
				t.Errorf("summary: error is %v, want one with %q", err, c.summary)
			}
			_, err = v.Metrics(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.metrics) || !strings.Contains(err.Error(), server.URL+"/metrics") {
				t.Errorf("metrics: error is %v, want one with %q", err, c.metrics)
			}
		})
	}
}

// Without TLS, which would be most of the work.
func TestViewerGivesUpOnAnAnswerWithoutEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(endless))
	defer server.Close()
	v := viewer(t, Options{URL: server.URL})
	if _, err := v.Summary(t.Context()); err == nil || !strings.Contains(err.Error(), "longer than it may be") {
		t.Errorf("summary: %v", err)
	}
	if _, err := v.Metrics(t.Context()); err == nil || !strings.Contains(err.Error(), "longer than it may be") {
		t.Errorf("metrics: %v", err)
	}
}

func TestViewerGivesUpOnAKubeletThatHangs(t *testing.T) {
	for name, begin := range map[string]string{"before it answers": "", "in the middle": `{"node":{`} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			server := kubeletWith(t, func(w http.ResponseWriter, r *http.Request) {
				if begin != "" {
					io.WriteString(w, begin)
					w.(http.Flusher).Flush()
				}
				cancel()
				<-r.Context().Done() // the connection is closed, and not used again
			})
			v := viewer(t, Options{URL: server.URL, InsecureSkipVerify: true})
			if s, err := v.Summary(ctx); err == nil {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestViewerReadsItsFilesAgainAfterAnError(t *testing.T) {
	server := kubeletWith(t, func(w http.ResponseWriter, r *http.Request) { w.Write(recorded(t)) })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	v := viewer(t, Options{URL: server.URL, CAFile: ca})
	if _, err := v.Summary(t.Context()); err == nil || !strings.Contains(err.Error(), ca) {
		t.Errorf("without a CA file: %v", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Summary(t.Context()); err != nil {
		t.Errorf("with one: %v", err)
	}
}
