package stage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A Disk is a small real filesystem.
type Disk struct {
	Path string // where it is mounted
	Type string // ext4 or tmpfs
	Why  string // why it is a tmpfs, if it is
}

// Disk mounts a filesystem of size bytes at name below the stage: ext4 on a loop
// device where that can be had, else a tmpfs.
func (s *Stage) Disk(name string, size int64) (*Disk, error) {
	d := &Disk{Path: filepath.Join(s.Dir, name), Type: "ext4"}
	if err := os.Mkdir(d.Path, 0o755); err != nil {
		return nil, err
	}
	err := s.ext4(d.Path, size)
	if err == nil {
		return d, nil
	}
	d.Type, d.Why = "tmpfs", err.Error()
	if err := unix.Mount("disk", d.Path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=0755", size)); err != nil {
		return nil, fmt.Errorf("mount a tmpfs on %s: %w", d.Path, err)
	}
	return d, nil
}

// ext4 mounts a new ext4 whose image lies on the stage, in memory.
func (s *Stage) ext4(path string, size int64) error {
	if !root() {
		return fmt.Errorf("ext4 on a loop device needs root")
	}
	image, err := os.Create(path + ".img")
	if err != nil {
		return err
	}
	defer image.Close()
	if err := image.Truncate(size); err != nil {
		return err
	}
	// Nothing is left to the kernel's idle hours: the disk would not hold still.
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil { // root by su keeps a user's PATH
		mkfs = "/sbin/mkfs.ext4"
	}
	out, err := exec.Command(mkfs, "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image.Name()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.ext4: %w %s", err, out)
	}
	device, err := loop(image)
	if err != nil {
		return err
	}
	defer device.Close() // the mount keeps it; without one it frees itself
	if err := unix.Mount(device.Name(), path, "ext4", unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device.Name(), err)
	}
	return nil
}

// root reports whether this process's root is root outside, too: in a user
// namespace its numbers are somebody else's. /proc/self/uid_map of the first
// one, which maps everybody to himself:
//
//	0          0 4294967295
func root() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	var inside, outside, count int64
	if _, err := fmt.Sscan(string(data), &inside, &outside, &count); err != nil {
		return false
	}
	return inside == 0 && outside == 0 && count > 1
}

// loop sets a free loop device up over image. The device frees itself when its
// last user is gone.
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

// Space is what a filesystem says about itself, in bytes.
type Space struct{ Available, Capacity int64 }

// Space asks the filesystem: statfs, as the kubelet does.
func (d *Disk) Space() (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.Path, &st); err != nil {
		return Space{}, fmt.Errorf("statfs %s: %w", d.Path, err)
	}
	return Space{int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize}, nil
}
