package nodetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Disk makes a filesystem of size bytes (ext4, xfs, btrfs) with the mkfs of that
// type and args, mounts it through a loop device until the test is over, and
// returns where. ok is false where that cannot be had: without root, without
// loop devices, without that mkfs, or with a kernel that does not know the type.
// What a test claims must then be shown by a tmpfs.
func Disk(t testing.TB, fstype string, size int64, args ...string) (dir string, ok bool) {
	t.Helper()
	needNamespace(t)
	mkfs, err := findMkfs(fstype)
	if err != nil || !root() || unix.Access("/dev/loop-control", unix.R_OK|unix.W_OK) != nil {
		return "", false
	}
	image, err := os.Create(filepath.Join(t.TempDir(), fstype))
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	if err := image.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, append(args, image.Name())...).CombinedOutput(); err != nil {
		t.Fatalf("nodetest: %s: %v\n%s", mkfs, err, out)
	}
	device, err := loop(image)
	if err != nil {
		t.Fatalf("nodetest: %v", err)
	}
	defer device.Close() // the mount keeps it
	dir = t.TempDir()
	if err := mount(t, device.Name(), dir, fstype, ""); err == unix.ENODEV {
		return "", false
	} else if err != nil {
		t.Fatalf("nodetest: mount %s at %s: %v", fstype, dir, err)
	}
	return dir, true
}

func findMkfs(fstype string) (string, error) {
	if path, err := exec.LookPath("mkfs." + fstype); err == nil {
		return path, nil
	}
	return exec.LookPath("/sbin/mkfs." + fstype) // root by su keeps a user's PATH
}

// root reports whether this process is root outside, too: a user namespace, in
// which everybody can be, maps fewer numbers than all.
func root() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	var inside, outside, count int64
	_, err = fmt.Sscan(string(data), &inside, &outside, &count)
	return err == nil && os.Geteuid() == 0 && outside == 0 && count == 1<<32-1
}

// loop sets a free loop device up over image. It frees itself when nothing uses
// it any more, however the test ends.
func loop(image *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	config := &unix.LoopConfig{Fd: uint32(image.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("a free loop device: %w", err)
		}
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		err = unix.IoctlLoopConfigure(int(device.Fd()), config)
		if err == nil {
			return device, nil
		}
		device.Close()
		if err != unix.EBUSY { // somebody else took it first
			return nil, fmt.Errorf("set up %s: %w", device.Name(), err)
		}
	}
}
