package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/process"
)

// Main is cluster.Main, and makes sure of the root filesystem first, where there
// is a network.
func Main(run func() int) int {
	if err := Build(context.Background(), os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "machine:", err)
		return 1
	}
	return cluster.Main(run)
}

// A Machine runs systemd.
type Machine struct {
	// Root is its root filesystem, seen from here. What is written there the
	// machine has.
	Root string

	nspawn *process.Process
}

var machines atomic.Int32

// New makes the root of a machine for this test, which Boot boots: in between,
// files may be put into it, and filesystems mounted.
func New(t *testing.T) *Machine {
	t.Helper()
	lower, err := rootfs()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cluster.Start(t).Dir, fmt.Sprintf("machine-%d", machines.Add(1)))
	m := &Machine{Root: filepath.Join(dir, "root")}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mount(t, "machine", dir, "tmpfs", "mode=0755")
	for _, layer := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, layer), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "machine", m.Root, "overlay", fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, dir, dir))
	return m
}

// mount mounts for the length of a test.
func mount(t *testing.T, source, target, kind, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, 0, data); err != nil {
		t.Fatalf("mount %s on %s: %v", kind, target, err)
	}
	unmountAfter(t, target)
}

func unmountAfter(t *testing.T, target string) {
	t.Helper()
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", target, err)
		}
	})
}

// inside gives nspawn a /run of its own, where it would leave folders behind, and
// becomes the command.
const inside = `mount -t tmpfs run /run && exec "$@"`

// Boot boots the machine, in a cgroup of the lab's, and returns once systemd has
// started everything. It is powered off when the test is over.
func (m *Machine) Boot(t *testing.T) {
	t.Helper()
	line, err := cluster.Start(t).Join(filepath.Base(filepath.Dir(m.Root)))
	if err != nil {
		t.Fatal(err)
	}
	line = append(line, "unshare", "--mount", "--propagation=slave", "--", "/bin/sh", "-c", inside, "sh",
		"systemd-nspawn", "--directory="+m.Root, "--machine=machine", "--boot", "--register=no", "--keep-unit", "--console=pipe",
		// A kubelet and a container runtime want all of it.
		"--capability=all", "--system-call-filter=@keyring bpf", "--bind=/dev/kmsg")
	m.nspawn, err = process.Start(process.Options{Name: "systemd-nspawn", Path: line[0], Args: line[1:]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.powerOff(t) })
	if err := cluster.Wait(t.Context(), "the machine to boot", m.booted); err != nil {
		t.Fatal(err)
	}
}

// booted is an error until systemd says that it is done, for better or worse: in a
// container some units may fail.
func (m *Machine) booted(ctx context.Context) error {
	select {
	case <-m.nspawn.Done():
		return m.nspawn.Err()
	default:
	}
	out, err := m.Command(ctx, "systemctl", "is-system-running").CombinedOutput()
	switch state := strings.TrimSpace(string(out)); state {
	case "running", "degraded":
		return nil
	default:
		return fmt.Errorf("it is %q: %w", state, err)
	}
}

// powerOff ends the machine as a person would, and by force if that takes long.
func (m *Machine) powerOff(t *testing.T) {
	t.Helper()
	if t.Failed() {
		out, _ := m.Command(context.Background(), "journalctl", "--no-pager", "--lines=100").CombinedOutput()
		t.Logf("the machine's journal:\n%s", out)
	}
	m.Command(context.Background(), "systemctl", "poweroff").Run() // the connection ends, too
	select {
	case <-m.nspawn.Done():
	case <-time.After(30 * time.Second):
		t.Error(m.nspawn.Stop(0))
	}
}

// Command returns a command that runs in the machine, in all its namespaces.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	leader, err := m.leader()
	if err != nil {
		return &exec.Cmd{Err: err}
	}
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target", leader, "--all", "--wd=/", "--", name}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LC_ALL=C"}
	return cmd
}

// leader is the number of the machine's first process, the child of nspawn.
func (m *Machine) leader() (string, error) {
	pid := m.nspawn.PID()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(children), " ")
	if first == "" {
		return "", errors.New("the machine has no process yet")
	}
	return first, nil
}

// Run runs a command in the machine and returns what it says. Anything but success
// ends the test.
func (m *Machine) Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := m.Command(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Write writes a file in the machine, and the folders above it.
func (m *Machine) Write(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	path = filepath.Join(m.Root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}
