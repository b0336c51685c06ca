package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
	return Filesystem{
		Path:       p.path,
		Disk:       disk,
		Mountpoint: p.mount.mountpoint,
		Device:     p.mount.device,
		Type:       p.mount.fstype,
		Bytes:      Space{Available: blocks(fs.Bavail, fs), Capacity: blocks(fs.Blocks, fs)},
		Inodes:     Space{Available: int64(fs.Ffree), Capacity: int64(fs.Files)},
	}, nil
}

func mountID(stat *unix.Statx_t) uint64 {
	if stat.Mask&unix.STATX_MNT_ID == 0 {
		return 0
	}
	return stat.Mnt_id
}

// blocks turns a count of f_frsize blocks into bytes.
func blocks(n uint64, fs unix.Statfs_t) int64 { return int64(n) * int64(fs.Frsize) }

// find looks the mount up, unless it is the one seen last. A mount that the
// table does not show is no error: its numbers are good.
func (p *prober) find(key mountKey) error {
	if p.seen == key {
		return nil
	}
	real, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		return err
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
