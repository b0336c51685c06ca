package remedy

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

// openTrusted opens a program that nobody but root can have changed: a regular,
// executable file of root's that neither group nor others may write, reached
// through folders of which the same is true, from / on and without links. A
// sticky folder such as /tmp is refused, too: others may put things there.
// POSIX access lists show in the group bits, so they are covered.
//
// The descriptor does not follow a later swap of the path.
func openTrusted(path string) (*os.File, error) {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /: %w", err)
	}
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, name := range names {
		at := "/" + strings.Join(names[:i], "/")
		if err := trusted(fd, unix.S_IFDIR); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("command %s: folder %s %w", printable(path), printable(at), err)
		}
		next, err := unix.Openat(fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		unix.Close(fd)
		if err != nil {
			return nil, fmt.Errorf("command %s: open %s: %w", printable(path), printable(name), err)
		}
		fd = next
	}
	if err := trusted(fd, unix.S_IFREG); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("command %s: the file %w", printable(path), err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openTrustedFolder opens a folder of which the same is true as of a program's.
// It is unix.ENOENT if it, or one above it, does not exist.
func openTrustedFolder(path string) (int, error) { return walkTrusted(path, nil) }

// makeTrustedFolder opens such a folder and makes what is missing of it, root's
// alone, on that disk. It is leftAlone where it is, or would be, on another.
func makeTrustedFolder(path string, disk node.Disk) (int, error) {
	return walkTrusted(path, func(parent int, name string) error {
		var st unix.Stat_t
		if err := unix.Fstat(parent, &st); err != nil {
			return err
		}
		if is := idOf(&st).disk; is != disk {
			return leftAlone(fmt.Sprintf("it would lie on disk %s: nothing there helps disk %s", is, disk))
		}
		if err := unix.Mkdirat(parent, name, 0o700); err != nil && err != unix.EEXIST {
			return err
		}
		return nil
	})
}

// walkTrusted opens a folder by way of trusted ones. make is called for a missing
// one, if it is given.
func walkTrusted(path string, make func(parent int, name string) error) (int, error) {
	const flags = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /: %w", err)
	}
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := 0; ; i++ {
		if err := trusted(fd, unix.S_IFDIR); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("folder %s %w", printable("/"+strings.Join(names[:i], "/")), err)
		}
		if i == len(names) {
			return fd, nil
		}
		next, err := unix.Openat(fd, names[i], flags, 0)
		if err == unix.ENOENT && make != nil {
			if err = make(fd, names[i]); err == nil {
				next, err = unix.Openat(fd, names[i], flags, 0)
			}
		}
		unix.Close(fd)
		if _, known := err.(leftAlone); known {
			return -1, err
		}
		if err != nil {
			return -1, fmt.Errorf("folder %s: %w", printable("/"+strings.Join(names[:i+1], "/")), err)
		}
		fd = next
	}
}

// trusted returns why what fd leads to is not to be trusted, as the end of a
// sentence.
func trusted(fd int, kind uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return errors.New("is a symbolic link: name what it leads to")
	case st.Mode&unix.S_IFMT != kind && kind == unix.S_IFDIR:
		return errors.New("is not a folder")
	case st.Mode&unix.S_IFMT != kind:
		return errors.New("is not a regular file")
	case st.Uid != 0:
		return fmt.Errorf("belongs to user %d: make root its owner", st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("can be written by others than root (mode %04o): take the right away with chmod go-w, or move the program", st.Mode&0o7777)
	case kind == unix.S_IFREG && st.Mode&0o100 == 0:
		return fmt.Errorf("is not executable (mode %04o): chmod u+x", st.Mode&0o7777)
	}
	return nil
}
