package remedy

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

// heldFiles returns the inodes of the regular files on disk that some process
// holds open, by identity: what a name in /proc says about a file may be a lie
// once it was renamed. An error means that it cannot be told.
func heldFiles(ctx context.Context, proc string, disk node.Disk) (map[uint64]bool, error) {
	held := make(map[uint64]bool)
	buf := make([]byte, 64<<10)
	var names []dirent
	err := eachProcess(ctx, proc, func(p process) (int, error) {
		return p.openFiles(disk, buf, &names, func(_ string, ino uint64) error {
			held[ino] = true
			return nil
		})
	})
	return held, err
}

// openFiles calls visit for each descriptor of a regular file on disk and
// returns how many descriptors there are of any kind.
func (p process) openFiles(disk node.Disk, buf []byte, names *[]dirent, visit func(fd string, ino uint64) error) (int, error) {
	dir, err := unix.Openat(p.dir, "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(dir)
	total := 0
	for {
		if *names, err = readDir(dir, buf, (*names)[:0]); err != nil || len(*names) == 0 {
			return total, err
		}
		for _, e := range *names {
			total++
			ino, ok, err := regularOn(dir, e.name, disk)
			if err != nil {
				return total, fmt.Errorf("descriptor %s: %w", e.name, err)
			}
			if ok {
				if err := visit(e.name, ino); err != nil {
					return total, err
				}
			}
		}
	}
}

// regularOn reads which file a magic link of procfs leads to, if it is a
// regular one on disk. It never waits for a network filesystem's server. A FUSE
// filesystem of another user tells nobody but its device; that is enough.
func regularOn(dir int, name string, disk node.Disk) (ino uint64, ok bool, err error) {
	const flags = unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT
	var st unix.Statx_t
	if err = unix.Statx(dir, name, flags, unix.STATX_TYPE|unix.STATX_INO, &st); err == unix.ENOENT {
		return 0, false, nil
	} else if err != nil && unix.Statx(dir, name, flags, 0, &st) != nil {
		return 0, false, err
	}
	if (node.Disk{Major: st.Dev_major, Minor: st.Dev_minor}) != disk {
		return 0, false, nil
	}
	return st.Ino, st.Mode&unix.S_IFMT == unix.S_IFREG, err
}
