package kubelet

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A fakeHost is a folder that looks like a procfs, with the processes that a test
// wants.
type fakeHost struct {
	t    *testing.T
	proc string
}

// at says what is odd about a process.
type at struct {
	cwd, root string // "/" unless given
	parent    int
	started   int
	state     string // "S" unless given
	uids      string // real, effective, saved and filesystem's; root's unless given
	namespace string // its PIDs in PID namespaces below the host's
	line      string // of its own, in place of its arguments
}

func newHost(t *testing.T) *fakeHost {
	t.Helper()
	h := &fakeHost{t, filepath.Join(t.TempDir(), "proc")}
	h.add(1, "init", []string{"/sbin/init"}, at{})
	h.add(2, "kthreadd", nil, at{})
	writeFile(t, filepath.Join(h.proc, "meminfo"), "MemTotal: 1 kB\n")
	return h
}

func (h *fakeHost) add(pid int, name string, argv []string, a at) {
	h.t.Helper()
	dir := filepath.Join(h.proc, strconv.Itoa(pid))
	h.remove(pid)
	line := a.line
	if line == "" && len(argv) > 0 {
		line = strings.Join(argv, "\x00") + "\x00"
	}
	writeFile(h.t, filepath.Join(dir, "cmdline"), line)
	writeFile(h.t, filepath.Join(dir, "stat"), fmt.Sprintf("%d (%s) %s %d 1 1 0 -1 4194560 1 0 0 0 5 3 0 0 20 0 12 0 %d 1 2\n", pid, name, or(a.state, "S"), a.parent, a.started))
	writeFile(h.t, filepath.Join(dir, "status"), fmt.Sprintf("Name:\t%s\nState:\tS (sleeping)\nUid:\t%s\nNSpid:\t%d%s\nThreads:\t12\n", name, or(a.uids, "0\t0\t0\t0"), pid, a.namespace))
	for link, target := range map[string]string{"root": or(a.root, "/"), "cwd": or(a.cwd, "/")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *fakeHost) remove(pid int) {
	h.t.Helper()
	if err := os.RemoveAll(filepath.Join(h.proc, strconv.Itoa(pid))); err != nil {
		h.t.Fatal(err)
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// writeFile writes a file and the folders above it.
func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
