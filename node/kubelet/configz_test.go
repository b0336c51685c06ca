package kubelet

import (
	"context"
	"crypto/tls"
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

const (
	effective = `{"kubeletconfig":{"kind":"KubeletConfiguration","apiVersion":"kubelet.config.k8s.io/v1beta1",
		"evictionHard":{"imagefs.available":"15%","memory.available":"100Mi","nodefs.available":"0%"},
		"evictionPressureTransitionPeriod":"5m0s","mergeDefaultEvictionSettings":false,"enforceNodeAllocatable":["pods"],
		"imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80,"maxPods":110}}`
	metrics = "# HELP go_goroutines x\ngo_goroutines 5\nkubernetes_build_info{build_date=\"2026\",git_version=\"v1.37.2\",major=\"1\"} 1\n"
)

// serve stands in for a kubelet, to do what a real one will not on demand.
func serve(t *testing.T, configz http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/configz", configz)
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, metrics) })
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func answer(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, s) }
}

func TestConfigzIsTakenAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   []string
	}{
		"the kubelet's own values":                          {effective, []string{"hard memory.available<100Mi", "hard imagefs.available<15%", "hard allocatableMemory.available<100Mi"}},
		"no evictionHard is no threshold, not the defaults": {`{"kubeletconfig":{"evictionPressureTransitionPeriod":"5m0s","imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80}}`, nil},
		"without enforcement":                               {`{"kubeletconfig":{"evictionHard":{"memory.available":"1Gi"},"enforceNodeAllocatable":["none"],"imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80}}`, []string{"hard memory.available<1Gi"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, answer(c.answer))
			s := source(t, Options{URL: server.URL, InsecureSkipVerify: true})
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := s.Configuration()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lines(got.Thresholds)); diff != "" {
				t.Error(diff)
			}
			if got.Source != "configz" || got.Version != "v1.37.2" || got.Read.IsZero() {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAnswerThatIsNoConfigurationIsAnErrorThatSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		configz http.HandlerFunc
		want    string
	}{
		"401":                  {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "Unauthorized", http.StatusUnauthorized) }, "--kubelet.token-file"},
		"403":                  {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "Forbidden", http.StatusForbidden) }, "nodes/configz"},
		"404":                  {http.NotFound, "enableDebuggingHandlers"},
		"500":                  {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "", http.StatusInternalServerError) }, "500 Internal Server Error"},
		"a redirect":           {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/metrics", http.StatusFound) }, "302 Found"},
		"nothing":              {answer(""), "unexpected end of JSON"},
		"a page":               {answer("<html>"), "invalid character '<'"},
		"half a document":      {answer(effective[:200]), "unexpected end of JSON"},
		"another's document":   {answer(`{"kind":"Status"}`), `"kubeletconfig" is missing`},
		"null":                 {answer(`{"kubeletconfig":null}`), `"kubeletconfig" is missing`},
		"an empty object":      {answer(`{"kubeletconfig":{}}`), "imageGCHighThresholdPercent"},
		"image GC half told":   {answer(`{"kubeletconfig":{"imageGCHighThresholdPercent":85}}`), "imageGCLowThresholdPercent"},
		"a wrong type":         {answer(`{"kubeletconfig":{"evictionHard":{"pid.available":5}}}`), "evictionHard: pid.available: 5 is not"},
		"a signal of tomorrow": {answer(`{"kubeletconfig":{"evictionHard":{"gpu.available":"5%"},"imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80}}`), `unknown eviction signal "gpu.available"`},
		"without end":          {endless, "longer than"},
		"a connection cut short": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, effective[:100])
		}, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, c.configz)
			s := source(t, Options{URL: server.URL, InsecureSkipVerify: true})
			err := s.Refresh(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "/configz") && c.want != "enableDebuggingHandlers" {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
			if _, again := s.Configuration(); again == nil || again.Error() != err.Error() {
				t.Errorf("Configuration's error is %v", again)
			}
		})
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	for {
		if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
			return
		}
	}
}

func TestKubeletThatHangsIsGivenUpAndDelaysNobody(t *testing.T) {
	asked := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	s := source(t, Options{URL: server.URL, InsecureSkipVerify: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Refresh(ctx) }()
	<-asked
	if _, err := s.Configuration(); err == nil || err == ErrNone {
		t.Errorf("while it hangs: %v", err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("no error")
	}
}

// Without its metrics a kubelet's release is told by the kind, which /configz has
// since 1.37.
func TestHugePagesAreTakenOffWhereTheKubeletDoesSo(t *testing.T) {
	const rest = `"imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80}}`
	for name, c := range map[string]struct {
		configz, metrics, version string
		want                      bool
	}{
		"1.37":                            {`{"kubeletconfig":{"kind":"KubeletConfiguration",`, metrics, "", true},
		"1.36":                            {`{"kubeletconfig":{`, strings.Replace(metrics, "1.37", "1.36", 1), "", false},
		"1.37 without metrics":            {`{"kubeletconfig":{"kind":"KubeletConfiguration",`, "", "", true},
		"before 1.37 without metrics":     {`{"kubeletconfig":{`, "", "", false},
		"1.36 by our word":                {`{"kubeletconfig":{"kind":"KubeletConfiguration",`, "", "v1.36.1", false},
		"the kubelet's word before ours":  {`{"kubeletconfig":{`, metrics, "v1.36.1", true},
		"the gate off":                    {`{"kubeletconfig":{"featureGates":{"HugepageAwareEviction":false},`, metrics, "", false},
		"all beta gates off":              {`{"kubeletconfig":{"featureGates":{"AllBeta":false},`, metrics, "", false},
		"all beta gates off but this one": {`{"kubeletconfig":{"featureGates":{"AllBeta":false,"HugepageAwareEviction":true},`, metrics, "", true},
		"the gate on before there was it": {`{"kubeletconfig":{"featureGates":{"HugepageAwareEviction":true},`, "", "v1.36.1", false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/metrics" {
				io.WriteString(w, c.metrics)
				return
			}
			io.WriteString(w, c.configz+rest)
		}))
		defer server.Close()
		s := source(t, Options{URL: server.URL, Version: c.version})
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := s.Configuration()
		if err != nil || got.HugePages != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if c.metrics == "" && got.Version != c.version {
			t.Errorf("%s: version %q", name, got.Version)
		}
	}
}

func TestTokenIsReadForEveryRequest(t *testing.T) {
	var got string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		io.WriteString(w, effective)
	})
	token := filepath.Join(t.TempDir(), "token")
	s := source(t, Options{URL: server.URL, InsecureSkipVerify: true, TokenFile: token})
	for _, c := range []struct{ file, header, err string }{
		{"one\n", "Bearer one", ""},
		{"two", "Bearer two", ""},
		{" \n", "", "is empty"},
		{"three\nfour\n", "", "more than one"},
	} {
		got = ""
		if err := os.WriteFile(token, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		err := s.Refresh(t.Context())
		if got != c.header || (c.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("token file %q: sent %q, error %v", c.file, got, err)
		}
	}
	os.Remove(token)
	if err := s.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), token) {
		t.Errorf("without a token file: %v", err)
	}
}

func TestCertificateIsVerifiedUnlessToldNotTo(t *testing.T) {
	server := serve(t, answer(effective))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		opts Options
		want string
	}{
		"an unknown authority":        {Options{}, "--kubelet.ca-file"},
		"the right one":               {Options{CAFile: ca}, ""},
		"no verification":             {Options{InsecureSkipVerify: true}, ""},
		"a CA file that is absent":    {Options{CAFile: ca + "x"}, "kubelet CA: open"},
		"a CA file without PEM":       {Options{CAFile: "configz_test.go"}, "configz_test.go holds no certificate"},
		"a client certificate absent": {Options{CAFile: ca, CertFile: "absent.crt", KeyFile: "absent.key"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.opts.URL = server.URL
			err := source(t, c.opts).Refresh(t.Context())
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestClientCertificateIsShown(t *testing.T) {
	var shown int
	mux := answer(effective)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = len(r.TLS.PeerCertificates)
		mux(w, r)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.crt"), filepath.Join(dir, "c.key")
	s := source(t, Options{URL: server.URL, InsecureSkipVerify: true, CertFile: cert, KeyFile: key})
	if err := s.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "kubelet client certificate: open "+cert) {
		t.Errorf("with absent files: %v", err)
	}
	writePair(t, cert, key)
	if err := s.Refresh(t.Context()); err != nil || shown != 1 {
		t.Errorf("with files: %v, %d certificates shown", err, shown)
	}
}

func TestURLThatCannotBeAKubeletsIsRefused(t *testing.T) {
	for url, want := range map[string]string{
		"127.0.0.1:10250":        "kubelet URL: ",
		"ftp://127.0.0.1":        "https://",
		"https://":               "names no host",
		"https://u:p@127.0.0.1":  "credentials",
		"https://127.0.0.1:port": "kubelet URL: ",
	} {
		if _, err := NewSource(Options{URL: url}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v", url, err)
		}
	}
	if _, err := NewSource(Options{URL: "http://localhost", TokenFile: "a"}); err == nil {
		t.Error("a token would be sent over http")
	}
	if _, err := NewSource(Options{URL: "https://localhost", CertFile: "a"}); err == nil {
		t.Error("a certificate without a key was accepted")
	}
}

func TestURLMayEndInConfigz(t *testing.T) {
	for _, url := range []string{"https://n:10250", "https://n:10250/", "https://n:10250/configz"} {
		c, err := newClient(Options{URL: url})
		if err != nil || c.base != "https://n:10250" {
			t.Errorf("%s: %v, %v", url, c, err)
		}
	}
}

func source(t *testing.T, o Options) *Source {
	t.Helper()
	s, err := NewSource(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A restart between two reads is quicker than any error.
func TestKubeletThatWasUpgradedIsAskedForItsVersionAgain(t *testing.T) {
	version := "v1.36.5"
	mux := http.NewServeMux()
	mux.HandleFunc("/configz", answer(effective))
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Replace(metrics, "v1.37.2", version, 1))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	s := source(t, Options{URL: server.URL})
	for _, want := range []string{"v1.36.5", "v1.37.2"} {
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Configuration(); err != nil || got.Version != want || got.HugePages != (want == "v1.37.2") {
			t.Errorf("%+v, %v, want %s", got, err, want)
		}
		version = "v1.37.2"
		server.CloseClientConnections()
	}
}
