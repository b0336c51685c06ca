package remedy

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The tests run in a namespace of mounts and processes of their own: their /proc
// shows only them, their mounts are nobody else's, and their root folder is a
// tmpfs whose /scratch (TMPDIR) satisfies what Exec demands of a program's
// folders. Without root it is a user namespace, too.
const (
	stageEnv = "HEADROOM_REMEDY_TEST_ROOT"
	roleEnv  = "HEADROOM_REMEDY_TEST_ROLE"
	// This program by that name does no more than Exec demands.
	doneBinary = "says-done"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == doneBinary {
		fmt.Println(`{"done":true}`)
		os.Exit(0)
	}
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role, os.Args[1:]))
	}
	if slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.fuzzworker") }) {
		os.Exit(m.Run()) // in the namespace of the fuzzer that started it
	}
	if root := os.Getenv(stageEnv); root != "" {
		if err := enterRoot(root); err != nil {
			fmt.Fprintln(os.Stderr, "namespace of the tests:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	os.Exit(unshared())
}

// unshared runs this program again in new namespaces and returns its exit code.
func unshared() int {
	runtime.LockOSThread() // Pdeathsig is about this thread
	root, err := os.MkdirTemp("", "headroom-remedy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.Remove(root)
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), stageEnv+"="+root)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1)
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "namespace of the tests:", err)
		return 1
	}
	return 0
}

// enterRoot makes root a tmpfs that shows all of / and moves there.
func enterRoot(root string) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	for _, e := range entries {
		if err := show(e, filepath.Join(root, e.Name())); err != nil {
			return err
		}
	}
	if err := os.Mkdir(root+"/scratch", 0o755); err != nil {
		return err
	}
	os.Setenv("TMPDIR", "/scratch")
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return os.Chdir(cwd)
}

// show makes an entry of / appear at path.
func show(e os.DirEntry, path string) error {
	from := "/" + e.Name()
	switch {
	case e.Type()&os.ModeSymlink != 0:
		to, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(to, path)
	case !e.IsDir():
		return nil
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	if e.Name() == "proc" {
		return unix.Mount("proc", path, "proc", 0, "")
	}
	if err := unix.Mount(from, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s: %w", from, err)
	}
	return nil
}

// mount mounts something for the rest of the test.
func mount(t *testing.T, source, target, fstype string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		t.Fatalf("mount %s on %s: %v", source, target, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", target, err)
		}
	})
}
