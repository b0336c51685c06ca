package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Filesystems that write everything to a new place, so that overwriting needs
// room (linux/magic.h; zfs and bcachefs from their own sources).
var copyOnWrite = map[uint32]string{
	unix.BTRFS_SUPER_MAGIC: "btrfs",
	0x2fc12fc1:             "zfs",
	0xca451a4e:             "bcachefs",
	unix.NILFS_SUPER_MAGIC: "nilfs2",
}

// inMemory reports whether the folder of path is on memory-backed space.
func inMemory(path string) (bool, error) {
	magic, err := filesystem(path)
	return magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC, err
}

// overwritable returns an error if the folder of path is on a filesystem on
// which room cannot be reserved by writing.
func overwritable(path string) error {
	magic, err := filesystem(path)
	if name, ok := copyOnWrite[magic]; ok {
		return fmt.Errorf("%s writes every block to a new place, so no room can be reserved there: use ext4, xfs or tmpfs", name)
	}
	return err
}

func filesystem(path string) (magic uint32, err error) {
	var st unix.Statfs_t
	for {
		err = unix.Statfs(filepath.Dir(path), &st)
		if !errors.Is(err, unix.EINTR) {
			return uint32(st.Type), os.NewSyscallError("statfs", err)
		}
	}
}

// ownBlocks gives every byte of f a block of its own: a file that was restored
// sparsely, only allocated, or copied by sharing blocks (xfs) would need room
// when it is overwritten.
func ownBlocks(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_UNSHARE_RANGE, 0, size)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return os.NewSyscallError("fallocate", err)
	}
	return fillHoles(f, size)
}

func fillHoles(f *os.File, size int64) error {
	zeros := make([]byte, 256<<10)
	for offset := int64(0); offset < size; {
		hole, err := unix.Seek(int(f.Fd()), offset, unix.SEEK_HOLE)
		if err != nil {
			return os.NewSyscallError("lseek", err)
		}
		offset, err = unix.Seek(int(f.Fd()), hole, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			offset = size // nothing but holes from here, or the end itself
		} else if err != nil {
			return os.NewSyscallError("lseek", err)
		}
		for at := hole; at < offset; at += int64(len(zeros)) {
			if _, err := f.WriteAt(zeros[:min(offset-at, int64(len(zeros)))], at); err != nil {
				return bare(err)
			}
		}
	}
	return os.NewSyscallError("fdatasync", unix.Fdatasync(int(f.Fd())))
}
