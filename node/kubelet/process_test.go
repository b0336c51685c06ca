package kubelet

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestKubeletIsFoundByWhatRuns(t *testing.T) {
	for name, c := range map[string]struct {
		add  func(h *fakeHost)
		want string // its arguments
		err  string
	}{
		"a kubelet":                     {func(h *fakeHost) { h.add(99, "kubelet", []string{"kubelet", "--v=2"}, at{}) }, "--v=2", ""},
		"a kubelet by its path":         {func(h *fakeHost) { h.add(99, "x", []string{"/opt/k8s/bin/kubelet", "--v=2"}, at{}) }, "--v=2", ""},
		"a name with brackets":          {func(h *fakeHost) { h.add(99, "x) R (y", []string{"kubelet", "--v=2"}, at{started: 5}) }, "--v=2", ""},
		"an empty argument":             {func(h *fakeHost) { h.add(99, "kubelet", []string{"kubelet", "--x=", "", "y"}, at{}) }, "--x=,,y", ""},
		"hyperkube":                     {func(h *fakeHost) { h.add(99, "hyperkube", []string{"/hyperkube", "kubelet", "--v=2"}, at{}) }, "--v=2", ""},
		"hyperkube as something else":   {func(h *fakeHost) { h.add(99, "hyperkube", []string{"/hyperkube", "proxy", "--v=2"}, at{}) }, "", "no kubelet runs here"},
		"somebody who looks for one":    {func(h *fakeHost) { h.add(99, "grep", []string{"grep", "kubelet"}, at{}) }, "", "no kubelet runs here"},
		"k3s for a moment":              {func(h *fakeHost) { h.add(99, "k3s", []string{"k3s", "kubectl", "get"}, at{}) }, "", "no kubelet runs here"},
		"a zombie":                      {func(h *fakeHost) { h.add(99, "kubelet", []string{"kubelet"}, at{state: "Z"}) }, "", "no kubelet runs here"},
		"one in a container":            {func(h *fakeHost) { h.add(99, "kubelet", []string{"kubelet"}, at{namespace: "\t1"}) }, "", "no kubelet runs here"},
		"one, and one in a container":   {func(h *fakeHost) { two(h, at{}, at{namespace: "\t7"}) }, "--root-dir=/a", ""},
		"one, and what it forks":        {func(h *fakeHost) { two(h, at{}, at{parent: 98}) }, "--root-dir=/a", ""},
		"one of somebody else":          {func(h *fakeHost) { h.add(99, "kubelet", []string{"kubelet"}, at{uids: "1000\t1000\t1000\t1000"}) }, "", "no kubelet runs here"},
		"a setuid program's name":       {func(h *fakeHost) { h.add(99, "kubelet", []string{"kubelet"}, at{uids: "1000\t0\t0\t0"}) }, "", "no kubelet runs here"},
		"one, and one of somebody else": {func(h *fakeHost) { two(h, at{}, at{uids: "65534\t65534\t65534\t65534"}) }, "--root-dir=/a", ""},
		"two":                           {func(h *fakeHost) { two(h, at{}, at{}) }, "", "kubelet 98 with --root-dir=/a, kubelet 99 with --root-dir=/b"},
		"nobody who may be looked at":   {unreadable, "", "1 processes cannot be read"},
		"one beside nobody knows what":  {func(h *fakeHost) { unreadable(h); h.add(99, "kubelet", []string{"kubelet", "--v=2"}, at{}) }, "--v=2", ""},
		"MicroK8s":                      {func(h *fakeHost) { kubelite(h, "--kubelet-args-file=/var/snap/microk8s/9/args/kubelet") }, "--root-dir=/var/snap/microk8s/common/k,--config=/var/snap/microk8s/9/k,--x=/snap/microk8s/9,--y=${Z},--eviction-hard=memory.available<100Mi,--v,2", ""},
		"MicroK8s with a space between": {func(h *fakeHost) { kubelite(h, "--kubelet-args-file", "/var/snap/microk8s/9/args/kubelet") }, "--root-dir=/var/snap/microk8s/common/k,--config=/var/snap/microk8s/9/k,--x=/snap/microk8s/9,--y=${Z},--eviction-hard=memory.available<100Mi,--v,2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			c.add(h)
			p, err := find(h.proc, "")
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("found %+v, error is %v", p, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			args, err := p.host.args(p, &view{process: p.dir})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, strings.Join(args, ",")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func two(h *fakeHost, first, second at) {
	h.add(98, "kubelet", []string{"kubelet", "--root-dir=/a"}, first)
	h.add(99, "kubelet", []string{"kubelet", "--root-dir=/b"}, second)
}

// unreadable adds a process whose arguments may not be read: reading them fails.
func unreadable(h *fakeHost) {
	if err := os.MkdirAll(filepath.Join(h.proc, "77", "cmdline"), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func kubelite(h *fakeHost, args ...string) {
	root := h.t.TempDir()
	writeFile(h.t, filepath.Join(root, "var/snap/microk8s/9/args/kubelet"), `# comment
--root-dir=${SNAP_COMMON}/k

  --config=${SNAP_DATA}/k --x=$SNAP
--y=${Z}
--eviction-hard="memory.available<100Mi"
--v 2
`)
	h.add(99, "kubelite", append([]string{"/snap/microk8s/9/kubelite", "--start-control-plane=true"}, args...), at{root: root})
}

func TestOneOfSeveralKubeletsIsChosenByItsRootDirectory(t *testing.T) {
	h := newHost(t)
	two(h, at{}, at{})
	for dir, want := range map[string]string{"/a": "98", "/b/": "99", "/c": "no kubelet runs here with --root-dir=/c: there is kubelet 98 with --root-dir=/a, kubelet 99 with --root-dir=/b"} {
		p, err := find(h.proc, dir)
		if got := describe(p, err); !strings.Contains(got, want) {
			t.Errorf("%s: %s", dir, got)
		}
	}
	h.remove(98)
	h.add(99, "kubelet", []string{"kubelet"}, at{})
	if p, err := find(h.proc, "/var/lib/kubelet"); err != nil {
		t.Errorf("the default directory: %s", describe(p, err))
	}
}

func describe(p *process, err error) string {
	if err != nil {
		return err.Error()
	}
	return filepath.Base(p.dir)
}

// standsIn makes the test's own program wait in place of a kubelet.
const standsIn = "HEADROOM_TEST_STANDS_IN"

// startKubelet starts a program that looks like a kubelet until the test is over.
func startKubelet(t *testing.T, attributes *syscall.SysProcAttr, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{"/usr/bin/kubelet"}, args...), Env: append(os.Environ(), standsIn+"=1"), Dir: t.TempDir(), SysProcAttr: attributes}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return cmd
}

func TestRealProcessIsFoundAndItsFilesAreRead(t *testing.T) {
	config := config(t, head+"evictionHard: {pid.available: 5%}\n")
	startKubelet(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}, "--config=nobody-reads-this")
	cmd := startKubelet(t, nil, "--config", config, "--config-dir=d", "--root-dir=/r")
	writeFile(t, filepath.Join(cmd.Dir, "d/10.conf"), head+"evictionHard: {memory.available: 1Gi}\n")
	s := source(t, Options{Proc: "/proc"})
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Configuration()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"hard memory.available<1Gi", "hard pid.available<5%", "hard allocatableMemory.available<1Gi"}
	if diff := cmp.Diff(want, lines(got.Thresholds)); diff != "" || got.RootDir != "/r" {
		t.Errorf("%+v\n%s", got, diff)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if err := s.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "no kubelet runs here") {
		t.Errorf("when it is gone: %v", err)
	}
}

// In a container without capabilities the links to a kubelet's root and working
// directory cannot be followed.
func TestWithoutCapabilityFilesAreReadWhereTheyAreMounted(t *testing.T) {
	config := config(t, head)
	cmd := startKubelet(t, nil, "--config", config)
	v := &view{process: filepath.Join("/proc", itoa(cmd.Process.Pid))}
	type result struct{ absolute, relative, absent error }
	results := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends here
		if err := dropCapabilities(); err != nil {
			t.Error(err)
		}
		var r result
		_, r.absolute = v.file(config)
		_, r.relative = v.file("config.yaml")
		_, r.absent = v.file("/absent")
		results <- r
	}()
	r := <-results
	if r.absolute != nil {
		t.Errorf("a path: %v", r.absolute)
	}
	if r.relative == nil || !strings.Contains(r.relative.Error(), "the path is relative") {
		t.Errorf("a relative path: %v", r.relative)
	}
	if r.absent == nil || !strings.Contains(r.absent.Error(), "mount it under the same path") {
		t.Errorf("a path that is not here: %v", r.absent)
	}
	if errors.Is(r.absent, fs.ErrNotExist) {
		t.Errorf("what cannot be seen counts as absent: %v", r.absent)
	}
}

// dropCapabilities takes them from this thread.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
