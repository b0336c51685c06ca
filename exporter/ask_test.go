package exporter

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

// Kubelet and runtime answer here once all that check wants of them was asked for:
// one that waited for the first before it asked for the second would get neither.
func TestCheckAsksSideBySide(t *testing.T) {
	k := newKubelet(t, halfOfNodeFS, 1)
	var waiting sync.WaitGroup
	waiting.Add(3)
	all := make(chan struct{})
	go func() { waiting.Wait(); close(all) }()
	for _, path := range []string{"/configz", "/stats/summary"} {
		k.fails(path, func(answer string) http.HandlerFunc {
			var once sync.Once
			return func(w http.ResponseWriter, r *http.Request) {
				once.Do(waiting.Done)
				select {
				case <-all:
					io.WriteString(w, answer)
				case <-r.Context().Done():
				}
			}
		})
	}
	socket := listen(t, func() { waiting.Done(); <-all })
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	args := append(k.args(t), patient, "--path.nodefs="+dir, "--path.imagefs="+dir, "--runtime.endpoint=unix://"+socket, "check")
	var stdout, stderr bytes.Buffer
	if err := Run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
	for _, want := range []string{"(/configz)", "(the kubelet's summary)"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in:\n%s", want, stdout.String())
		}
	}
}

// listen is a runtime that takes a call, does something and hangs up.
func listen(t *testing.T, first func()) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "runtime.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var once sync.Once
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			once.Do(first)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return socket
}
