package main

import (
	"crypto/tls"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// serve starts a kubelet's answers in this process, and returns how to ask for them.
func serve(t *testing.T, secret string) kubelet.Options {
	t.Helper()
	answers, err := newAnswers(recorded(t), secret, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := certificates(dir); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "kubelet.crt"), filepath.Join(dir, "kubelet.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(answers)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("somebody.secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubelet.Options{URL: server.URL, CAFile: filepath.Join(dir, "ca.crt"), TokenFile: token}
}

func TestKubeletAnswersAsTheRecordedOne(t *testing.T) {
	o := serve(t, "secret")
	source, err := kubelet.NewSource(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := source.Configuration()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Thresholds.Find(headroom.NodeFSAvailable, headroom.Hard); !ok || c.Version != "v1.37.2" {
		t.Errorf("got %+v", c)
	}
	if want := cgroupRoot + "/kubepods"; !slices.Contains(c.PodCgroups, want) {
		t.Errorf("the cgroup of all pods is one of %q, and %s is made", c.PodCgroups, want)
	}
	viewer, err := kubelet.NewViewer(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second over another connection
		if s, err := viewer.Summary(t.Context()); err != nil || len(s.Readings) != len(headroom.Signals()) {
			t.Errorf("got %+v, %v", s, err)
		}
	}
	if _, err := viewer.Metrics(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestKubeletWantsItsToken(t *testing.T) {
	o := serve(t, "another secret")
	viewer, err := kubelet.NewViewer(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := viewer.Metrics(t.Context()); err == nil {
		t.Error("a wrong token was taken")
	}
}
