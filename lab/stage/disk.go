package stage

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/disk"
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
	if !Root() {
		return fmt.Errorf("ext4 on a loop device needs root")
	}
	if err := disk.Format(path+".img", "ext4", size); err != nil {
		return err
	}
	return disk.Mount(path+".img", path, "ext4", unix.MS_NOSUID|unix.MS_NODEV)
}

// Root reports whether this process's root is root outside, too: in a user
// namespace its numbers are somebody else's. /proc/self/uid_map of the first
// one, which maps everybody to himself:
//
//	0          0 4294967295
func Root() bool {
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

// Space asks the filesystem: statfs, as the kubelet does.
func (d *Disk) Space() (disk.Space, error) { return disk.Stat(d.Path) }
