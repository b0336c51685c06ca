package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// output is what run prints; seen is closed once it has said how to stop it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	seen chan struct{}
	once sync.Once
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(data)
	if strings.Contains(o.text.String(), "^C stops both") {
		o.once.Do(func() { close(o.seen) })
	}
	return len(data), nil
}

func TestBothProgramsRunAndNothingIsLeft(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "./cmd/...")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"rules", "deploy"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	out := &output{seen: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, dir, "/", out, t.Output()) }()
	select {
	case <-out.seen:
	case err := <-ended:
		t.Fatal(err)
	}
	addresses := regexp.MustCompile(`http://[0-9.:]+\n`).FindAllString(out.text.String(), 2)
	if len(addresses) != 2 {
		t.Fatalf("addresses %q", addresses)
	}
	for i, want := range []string{"headroom_signal_available_bytes{signal=\"nodefs.available\"", "headroom_remediation_dry_run 1"} {
		if page := fetch(t, strings.TrimSpace(addresses[i])+"/metrics"); !strings.Contains(page, want) {
			t.Errorf("%s has no %s", addresses[i], want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestWhatTheMachineHasIsTakenAndWhatItLacksIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		has             []string
		nodefs, imagefs string
		assumed         bool
		notes           int
	}{
		"nothing":             {nil, "", "", true, 4},
		"a node":              {[]string{"var/lib/kubelet/config.yaml", "var/lib/containerd/", "var/log/pods/"}, "var/lib/kubelet", "var/lib/containerd", false, 0},
		"Docker alone":        {[]string{"var/lib/docker/"}, "", "var/lib/docker", true, 3},
		"a kubelet, no files": {[]string{"var/lib/kubelet/", "var/lib/containerd/", "var/log/pods/"}, "var/lib/kubelet", "var/lib/containerd", true, 1},
	} {
		host, state := t.TempDir(), t.TempDir()
		for _, path := range test.has {
			full := filepath.Join(host, path)
			if strings.HasSuffix(path, "/") {
				full = filepath.Join(full, "x")
			}
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(full, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		m, err := look(host, state)
		if err != nil {
			t.Fatal(err)
		}
		if m.nodefs != filepath.Join(host, test.nodefs) || m.imagefs != filepath.Join(host, test.imagefs) || m.assumed != test.assumed || len(m.notes) != test.notes {
			t.Errorf("%s: %+v", name, m)
		}
		for _, path := range []string{m.config, m.logs} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
