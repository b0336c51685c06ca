package remedy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

// A fileID is what a file is, whatever it is called.
type fileID struct {
	disk node.Disk
	ino  uint64
}

func idOf(st *unix.Stat_t) fileID {
	return fileID{node.Disk{Major: unix.Major(st.Dev), Minor: unix.Minor(st.Dev)}, st.Ino}
}

var errNoOpenat2 = errors.New("this kernel cannot open paths beneath a folder (openat2, Linux 5.6, or a seccomp profile that forbids it): cannot tell where a path leads")

// openBeneath opens name without leaving dir: by no "..", link, magic link or
// mount point, not even one that a container puts there meanwhile.
// https://man7.org/linux/man-pages/man2/openat2.2.html
func openBeneath(dir int, name string, flags uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NOCTTY,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	for {
		fd, err := unix.Openat2(dir, name, &how)
		switch err {
		case unix.EINTR:
			continue
		case unix.ENOSYS:
			return -1, errNoOpenat2
		}
		return fd, err
	}
}

// A root is a folder that a flag names. Its own path is the administrator's and
// may lead through links; it must not be one itself.
type root struct {
	kind *rootKind
	path string
	fd   int
	id   fileID
}

// A rootKind is what a root holds.
type rootKind struct {
	name  string // what a root of this kind is called
	holds string
	flag  string // that names it
}

var (
	logRoot     = &rootKind{"log root", "container logs", "--path.logs"}
	journalRoot = &rootKind{"journal root", "systemd's journal", "--path.journal"}
)

// openRoot opens a root. The caller closes its fd.
func openRoot(kind *rootKind, path string) (*root, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s %s: not an absolute path", kind.name, printable(path))
	}
	path = filepath.Clean(path)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind.name, printable(path), explainRoot(kind, path, err))
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s %s: %w", kind.name, printable(path), err)
	}
	return &root{kind, path, fd, idOf(&st)}, nil
}

// missingRoot says that a root does not exist.
type missingRoot string

func (m missingRoot) Error() string      { return string(m) }
func (missingRoot) Is(target error) bool { return target == fs.ErrNotExist }

// statfs asks for the root's filesystem; the answer is zero where it gives none.
func (r *root) statfs() (st unix.Statfs_t) {
	if unix.Statfs(r.path, &st) != nil {
		return unix.Statfs_t{}
	}
	return st
}

// explainRoot says what a root is instead of a folder, and what to do.
func explainRoot(kind *rootKind, path string, err error) error {
	var st unix.Stat_t
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missingRoot(fmt.Sprintf("does not exist: name the folder of %s with %s", kind.holds, kind.flag))
	case unix.Lstat(path, &st) != nil:
		return err
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return fmt.Errorf("is a symbolic link: name the folder it leads to with %s", kind.flag)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("is not a folder: name the folder of %s with %s", kind.holds, kind.flag)
	}
	return err
}

// A dirent is one name in a folder, as getdents64 gives it.
type dirent struct {
	ino  uint64
	kind uint8 // DT_REG, DT_DIR, …; DT_UNKNOWN where the filesystem does not say
	name string
}

// readDir appends the next names of the folder to batch, except "." and "..".
// The result is empty at the end. One batch is what fits into buf:
//
//	u64 ino, s64 off, u16 reclen, u8 type, name, NUL, padding
func readDir(fd int, buf []byte, batch []dirent) ([]dirent, error) {
	for {
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			return batch, err
		}
		for rest := buf[:n]; len(rest) > 19; {
			length := binary.NativeEndian.Uint16(rest[16:])
			name := rest[19:length]
			name = name[:clen(name)]
			if s := string(name); s != "." && s != ".." {
				batch = append(batch, dirent{binary.NativeEndian.Uint64(rest), rest[18], s})
			}
			rest = rest[length:]
		}
		if len(batch) > 0 {
			return batch, nil
		}
	}
}

// clen is the length of a C string.
func clen(b []byte) int {
	for i, c := range b {
		if c == 0 {
			return i
		}
	}
	return len(b)
}
