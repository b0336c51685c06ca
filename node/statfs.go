package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A prober asks the kernel, and remembers the mount it saw last. Only one call
// at a time: the reader sees to it.
type prober struct {
	path  string
	seen  mountKey
	mount mount
}

// A mountKey tells whether a path's mount is still the one whose line was read.
type mountKey struct {
	id    uint64 // 0 on a kernel that does not say (before 5.8)
	disk  Disk
	magic int64
}

func (p *prober) probe() (Filesystem, error) {
	var stat unix.Statx_t
	// DONT_SYNC: the device number needs no question to a server.
	_, err := retry(func() (int, error) {
		return 0, unix.Statx(unix.AT_FDCWD, p.path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE|unix.STATX_MNT_ID, &stat)
	})
	if err != nil {
		return Filesystem{}, fmt.Errorf("stat %s: %w", p.path, err)
	}
	var fs unix.Statfs_t
	if _, err := retry(func() (int, error) { return 0, unix.Statfs(p.path, &fs) }); err != nil {
		return Filesystem{}, fmt.Errorf("statfs %s: %w", p.path, err)
	}
	disk := Disk{Major: stat.Dev_major, Minor: stat.Dev_minor}
	if err := p.find(mountKey{id: mountID(&stat), disk: disk, magic: int64(fs.Type)}); err != nil {
		return Filesystem{}, err
	}
	bytes, inodes := spaces(fs)
	return Filesystem{
		Path:       p.path,
		Disk:       disk,
		Mountpoint: p.mount.mountpoint,
		Device:     p.mount.device,
		Type:       p.mount.fstype,
		Bytes:      bytes,
		Inodes:     inodes,
		At:         time.Now(),
	}, nil
}

func mountID(stat *unix.Statx_t) uint64 {
	if stat.Mask&unix.STATX_MNT_ID == 0 {
		return 0
	}
	return stat.Mnt_id
}

// spaces counts as cadvisor does (fs/vfs/stats.go): blocks of f_frsize bytes, and
// of the free ones (f_bfree) only those that need no privilege (f_bavail). The
// kubelet casts unsigned numbers to signed ones, and so does this: 2⁶⁴ − 1 inodes
// (a filesystem that does not know) are −1.
func spaces(fs unix.Statfs_t) (bytes, inodes Space) {
	bytes = Space{Available: int64(fs.Bavail) * fs.Frsize, Capacity: int64(fs.Blocks) * fs.Frsize}
	inodes = Space{Available: int64(fs.Ffree), Capacity: int64(fs.Files)}
	return bytes, inodes
}

// find looks the mount up, unless it is the one seen last. A mount that the
// table does not show is no error: its numbers are good.
func (p *prober) find(key mountKey) error {
	if p.seen == key {
		return nil
	}
	real := ""
	if key.id == 0 {
		// Only then does the name count. It can lead elsewhere than the kernel
		// goes: the links in /proc/PID/root and fd are more than their text.
		var err error
		if real, err = filepath.EvalSymlinks(p.path); err != nil {
			return err
		}
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := parseMountinfo(f, real, key)
	if err != nil && !errors.Is(err, errNoMount) {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	p.seen, p.mount = key, m
	return nil
}
