package node

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom"
)

// holding marks a process that holds memory, as a pod would.
const holding = "HEADROOM_NODE_HOLDS"

// hold waits to be put into a cgroup, takes 32 MiB of anonymous memory and as much
// of page cache, in the file that the variable names, and holds them.
func hold() int {
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadByte(); err != nil {
		return 1
	}
	memory := make([]byte, 32<<20)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	if err := os.WriteFile(os.Getenv(holding), memory, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("held")
	in.ReadByte() // until the test is over
	return 0
}

// makeCgroup makes a cgroup in this machine's hierarchy. ok is false where that
// may not be done, or there is no memory controller.
func makeCgroup(t *testing.T) (h Host, name string, ok bool) {
	t.Helper()
	h = Host{Proc: "/proc", Cgroup: "/sys/fs/cgroup"}
	v2, err := h.hasCgroup2()
	if err != nil {
		t.Fatal(err)
	}
	top := filepath.Dir(h.memcg(v2, "/").stat)
	dir, err := os.MkdirTemp(top, "headroom-test-")
	if err != nil {
		t.Logf("no cgroup can be made here: only recorded ones are read: %v", err)
		return h, "", false
	}
	t.Cleanup(func() { removeCgroup(t, dir) })
	name = strings.TrimPrefix(dir, top)
	limited, err := exists(h.memcg(v2, name).limit)
	return h, name, limited && err == nil
}

// removeCgroup removes a cgroup, which stays busy until its last process has been
// buried.
func removeCgroup(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			t.Fatalf("remove %s: %v", dir, err)
		}
	}
}

// A real cgroup, with a process in it, through its life.
func TestAllocatableIsWhatTheKernelSaysOfACgroup(t *testing.T) {
	h, name, ok := makeCgroup(t)
	if !ok {
		return
	}
	v2, err := h.hasCgroup2()
	if err != nil {
		t.Fatal(err)
	}
	files := h.memcg(v2, name)
	dir := filepath.Dir(files.stat)
	n := New(Config{Host: h, Facts: func() Facts { return Facts{PodCgroups: []string{"/headroom-test-absent", name}} }, Timeout: patience})

	if r, err := n.Signal(t.Context(), headroom.AllocatableMemoryAvailable); err == nil || !strings.Contains(err.Error(), "no memory limit") {
		t.Errorf("before it had a limit: %+v, %v", r, err)
	}
	const limit = 256 << 20
	writeCgroup(t, files.limit, limit)
	if r := wantOfCgroup(t, n, files); r.Capacity != limit || r.Available > limit {
		t.Errorf("empty: %+v", r)
	}
	stop := holdMemory(t, dir)
	full := wantOfCgroup(t, n, files)
	if full.Available > limit-32<<20 {
		t.Errorf("with 32 MiB held: %+v", full)
	}
	if inactive := kernelValue(t, files.stat, files.inactive); inactive == 0 {
		t.Error("there is no inactive page cache to leave out")
	}
	stop()

	// The kubelet makes the cgroup anew under its old name.
	removeCgroup(t, dir)
	if r, err := n.Signal(t.Context(), headroom.AllocatableMemoryAvailable); err == nil {
		t.Errorf("of a cgroup that is gone: %+v", r)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeCgroup(t, files.limit, limit/2)
	if r := wantOfCgroup(t, n, files); r.Capacity != limit/2 {
		t.Errorf("of the new one: %+v", r)
	}
}

// wantOfCgroup reads while the kernel's own numbers hold still, and compares.
func wantOfCgroup(t *testing.T, n *Node, c memcg) headroom.Reading {
	t.Helper()
	kernel := func() int64 {
		return kernelValue(t, c.limit, "") - kernelValue(t, c.usage, "") + kernelValue(t, c.stat, c.inactive)
	}
	for deadline := time.Now().Add(patience); ; {
		want := kernel()
		r, err := n.Signal(t.Context(), headroom.AllocatableMemoryAvailable)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case kernel() == want && r.Available == want && r.Capacity == kernelValue(t, c.limit, ""):
			return r
		case kernel() == want || time.Now().After(deadline):
			t.Fatalf("got %+v, the kernel has %d", r, want)
		}
	}
}

// kernelValue reads the number that follows key in a file, or its only one.
func kernelValue(t *testing.T, path, key string) (n int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(data), "\n") {
		if _, err := fmt.Sscanf(line, strings.TrimLeft(key+" %d", " "), &n); err == nil {
			return n
		}
	}
	t.Fatalf("%s has no %q: %s", path, key, data)
	return 0
}

func writeCgroup(t *testing.T, path string, n int) {
	t.Helper()
	if err := os.WriteFile(path, fmt.Append(nil, n), 0); err != nil {
		t.Fatal(err)
	}
}

// holdMemory has a process in a cgroup hold memory until stop is called.
func holdMemory(t *testing.T, dir string) (stop func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), holding+"="+filepath.Join(t.TempDir(), "cache"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writeCgroup(t, filepath.Join(dir, "cgroup.procs"), cmd.Process.Pid)
	if _, err := in.Write([]byte{'\n'}); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the process that holds memory said %q: %v", line, err)
	}
	return func() {
		in.Close()
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}
