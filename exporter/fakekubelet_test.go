package exporter

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A fakeKubelet answers over TLS as a kubelet does, to whoever has the token, or
// fails as a real one will not on demand.
type fakeKubelet struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[string]string           // by path
	failing map[string]http.HandlerFunc // by path
}

const token = "secret"

// newKubelet starts one that runs until the test is over, with as many pods of 5
// containers.
func newKubelet(t *testing.T, hard string, pods int) *fakeKubelet {
	t.Helper()
	k := &fakeKubelet{failing: make(map[string]http.HandlerFunc)}
	k.answers = map[string]string{
		"/configz":       configz(hard),
		"/metrics":       "kubernetes_build_info{git_version=\"v1.37.2\"} 1\nkubelet_evictions{eviction_signal=\"nodefs.available\"} 3\n",
		"/stats/summary": summaryJSON(pods),
	}
	k.Server = httptest.NewUnstartedServer(k)
	k.Config.ErrorLog = nil
	k.StartTLS()
	t.Cleanup(k.Close)
	return k
}

// args are the flags that lead to k.
func (k *fakeKubelet) args(t *testing.T) []string {
	return []string{"--kubelet.url=" + k.URL, "--kubelet.insecure-skip-verify", "--kubelet.token-file=" + file(t, token+"\n")}
}

func (k *fakeKubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	answer, failure := k.answers[r.URL.Path], k.failing[r.URL.Path]
	k.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
	case failure != nil:
		failure(w, r)
	default:
		io.WriteString(w, answer)
	}
}

// restarts gives it other thresholds.
func (k *fakeKubelet) restarts(hard string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answers["/configz"] = configz(hard)
}

// fails makes a path fail from now on.
func (k *fakeKubelet) fails(path string, how func(answer string) http.HandlerFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing[path] = how(k.answers[path])
}

// failures are the ways in which a kubelet, or what stands in its place, fails.
var failures = map[string]func(answer string) http.HandlerFunc{
	"hangs": func(string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	},
	"answers 401": status(http.StatusUnauthorized),
	"answers 500": status(http.StatusInternalServerError),
	"answers garbage": func(string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>\x00\xff{{{") }
	},
	"answers half": func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
			io.WriteString(w, answer[:len(answer)/2])
			panic(http.ErrAbortHandler)
		}
	},
	"answers half as if it were all": func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, answer[:len(answer)/2]) }
	},
}

func status(code int) func(string) http.HandlerFunc {
	return func(string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Error(w, http.StatusText(code), code) }
	}
}

func configz(hard string) string {
	return fmt.Sprintf(`{"kubeletconfig":{"evictionHard":{%s},"evictionPressureTransitionPeriod":"5m0s","imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80,"enforceNodeAllocatable":["pods"],"cgroupsPerQOS":true}}`, hard)
}

// summaryJSON is a summary of a node whose nodefs has half of 1 MiB left.
func summaryJSON(pods int) string {
	const at = `"time":"2026-11-23T06:00:00Z"`
	disk := func(used int) string {
		return fmt.Sprintf(`{%s,"availableBytes":524288,"capacityBytes":1048576,"usedBytes":%d,"inodesFree":100,"inodes":200,"inodesUsed":%d}`, at, used, 1+used%50)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"node":{"nodeName":"n1","memory":{%s,"availableBytes":1000,"workingSetBytes":1000},"fs":%s,"runtime":{"imageFs":%s,"containerFs":%s},"rlimit":{%s,"maxpid":32768,"curproc":100}},"pods":[`,
		at, disk(500), disk(600), disk(600), at)
	for p := range pods {
		if p > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"podRef":{"name":"pod-%05d","namespace":"shop","uid":"uid-%d"},"containers":[`, p, p)
		for c := range 5 {
			if c > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"name":"c%d","rootfs":%s,"logs":%s}`, c, disk(1+p*7919%997+c), disk(1+p*104729%991+c))
		}
		fmt.Fprintf(&b, `],"volume":[%s],"ephemeral-storage":%s,"process_stats":{"process_count":%d}}`, disk(1+p), disk(100000+p), 1+p)
	}
	b.WriteString(`]}`)
	return b.String()
}
