// Package nodetest gives tests real filesystems: small ones that can be filled,
// and some that hang. A package that uses it hands its TestMain to Main.
package nodetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside marks a process that has its mount namespace already.
const inside = "HEADROOM_NODETEST_NAMESPACE"

// Main runs the tests in mount and PID namespaces of their own, so that whatever
// happens to them no mount and no process outlives them, and /proc shows nothing
// that root there may not read. Without root it is a user namespace,
// too, in which they are root; /dev/fuse must then be open to everybody for
// HungFS. It does not return.
//
//	func TestMain(m *testing.M) { nodetest.Main(m) }
func Main(m *testing.M) {
	if os.Getenv(inside) != "" {
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			fmt.Fprintf(os.Stderr, "nodetest: mount /proc: %v\n", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	err := again()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "nodetest: run in a mount namespace of one's own: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// again runs this very program in new namespaces.
func again() error {
	runtime.LockOSThread() // Pdeathsig is about this thread
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS, // its mounts become private
		Pdeathsig:    syscall.SIGKILL,
	}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		// The cgroup namespace is for mounting a cgroup hierarchy.
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER | syscall.CLONE_NEWCGROUP
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
	return cmd.Run()
}

// Tmpfs mounts an empty tmpfs with room for size bytes and inodes inodes (0: the
// kernel's default) until the test is over, and returns where.
func Tmpfs(t testing.TB, size, inodes int64) string {
	t.Helper()
	dir := t.TempDir()
	options := []string{"mode=0755", fmt.Sprintf("size=%d", size)}
	if inodes > 0 {
		options = append(options, fmt.Sprintf("nr_inodes=%d", inodes))
	}
	Mount(t, "tmpfs", dir, "tmpfs", strings.Join(options, ","))
	return dir
}

// Mount mounts a filesystem at dir until the test is over.
func Mount(t testing.TB, source, dir, fstype, options string) {
	t.Helper()
	needNamespace(t)
	if err := mount(t, source, dir, fstype, options); err != nil {
		t.Fatalf("nodetest: mount %s at %s: %v", fstype, dir, err)
	}
}

func mount(t testing.TB, source, dir, fstype, options string) error {
	if err := unix.Mount(source, dir, fstype, 0, options); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("nodetest: unmount %s: %v", dir, err)
		}
	})
	return nil
}

// HungFS mounts a filesystem that answers nothing until the test is over, and
// returns where. Its server is there and silent: whoever asks it waits. release
// kills the server: all who wait get an error, and so do all who ask later. It
// may be called more than once, and is when the test is over.
func HungFS(t testing.TB) (dir string, release func()) {
	t.Helper()
	dir = t.TempDir()
	fd := openFuse(t, 0)
	server := os.NewFile(uintptr(fd), "/dev/fuse")
	release = func() { server.Close() }
	Mount(t, "nodetest", dir, "fuse", fuseOptions(fd))
	t.Cleanup(release) // before the unmount, which would wait as well
	return dir, release
}

func needNamespace(t testing.TB) {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Fatal("nodetest: the package's TestMain must call nodetest.Main")
	}
}
