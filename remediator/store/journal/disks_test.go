package journal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

// disks are empty filesystems of 24 MiB and about 64 inodes: tmpfs, and, for
// root, who alone can have one, ext4 on a loop device.
func disks() map[string]func(*testing.T) (dir string) {
	all := map[string]func(*testing.T) string{
		"tmpfs": func(t *testing.T) string { return nodetest.Tmpfs(t, 24<<20, 64) },
	}
	if loops() {
		all["ext4"] = ext4
	}
	return all
}

// loops reports whether this process may use loop devices: root in a user
// namespace may not.
func loops() bool {
	f, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return err == nil
}

func ext4(t *testing.T) string {
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	for _, args := range [][]string{
		{"truncate", "-s", "24M", image},
		{"mkfs.ext4", "-q", "-m", "0", "-N", "64", image},
		{"mount", "-o", "loop", image, dir},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fillDisk leaves no byte and no inode.
func fillDisk(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for n := 0; ; n++ {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint("inode-", n)))
		if errors.Is(err, unix.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	for size := 1 << 20; size > 0; { // ever smaller, and then nothing
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Bavail > 0 || st.Ffree > 0 {
		t.Fatalf("%d blocks and %d inodes are left: %v", st.Bavail, st.Ffree, err)
	}
}

func readOnly(t *testing.T, dir string, on bool) {
	t.Helper()
	flags := uintptr(unix.MS_REMOUNT)
	if on {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("", dir, "", flags, ""); err != nil {
		t.Fatal(err)
	}
}
