// Package disk makes small real filesystems on loop devices, and fills them to
// the byte.
package disk

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Format writes a new filesystem of size bytes into the file image, which must
// not exist: kind is ext4 or xfs, options are further arguments of its mkfs.
// Nothing is reserved for root, and nothing is left to the kernel's idle hours:
// the disk would not hold still. mkfs.xfs refuses less than 300 MiB.
func Format(image, kind string, size int64, options ...string) error {
	file, err := os.OpenFile(image, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		return err
	}
	args := []string{"-q", "-f"}
	if kind == "ext4" {
		args = []string{"-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"}
	}
	mkfs := Program("mkfs." + kind)
	out, err := exec.Command(mkfs, append(append(args, options...), image)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.%s: %w %s", kind, err, out)
	}
	return nil
}

// Program finds a program that root needs: a root made by su keeps a user's
// PATH, without /sbin.
func Program(name string) string {
	for _, path := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return name
}

// Mount mounts the filesystem in the file image on path. Its loop device frees
// itself when the last mount is gone.
func Mount(image, path, kind string, flags uintptr) error {
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	device, err := loop(file)
	if err != nil {
		return err
	}
	defer device.Close() // the mount keeps it; without one it frees itself
	if err := unix.Mount(device.Name(), path, kind, flags, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", device.Name(), path, err)
	}
	return nil
}

// loop sets a free loop device up over image.
func loop(image *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for range 10 { // somebody else may take the free one first
		var n int
		n, err = unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("/dev/loop-control: %w", err)
		}
		device, openErr := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if openErr != nil {
			return nil, openErr
		}
		config := &unix.LoopConfig{Fd: uint32(image.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		copy(config.Info.File_name[:], image.Name()) // for people: losetup shows it
		if err = unix.IoctlLoopConfigure(int(device.Fd()), config); err == nil {
			return device, nil
		}
		device.Close()
		if err != unix.EBUSY {
			break
		}
	}
	return nil, fmt.Errorf("set up a loop device: %w", err)
}

// Space is what a filesystem says about itself.
type Space struct {
	Available, Capacity int64 // bytes
	Free, Inodes        int64 // inodes; both are 0 where none are counted
	Block               int64 // bytes
}

// Stat asks the filesystem at path: statfs, as the kubelet does.
func Stat(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, fmt.Errorf("statfs %s: %w", path, err)
	}
	return Space{
		Available: int64(st.Bavail) * st.Frsize, Capacity: int64(st.Blocks) * st.Frsize,
		Free: int64(st.Ffree), Inodes: int64(st.Files), Block: st.Frsize,
	}, nil
}
