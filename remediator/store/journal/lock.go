package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another process has the journal open.
var ErrInUse = errors.New("in use by another process: one program at a time can write it")

// openLocked opens a regular file and locks it for as long as it is open. It
// returns nothing but the file that is at path once the lock is held: another
// process may have put a new one there meanwhile.
func openLocked(path string, flag int) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
		if err != nil {
			return nil, bare(err)
		}
		same, err := lock(f, path)
		if err == nil && same {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
}

func lock(f *os.File, path string) (same bool, err error) {
	opened, err := f.Stat()
	if err != nil {
		return false, bare(err)
	}
	if !opened.Mode().IsRegular() {
		return false, fmt.Errorf("is not a regular file: move it away or name another file")
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return false, ErrInUse
	} else if err != nil {
		return false, os.NewSyscallError("flock", err)
	}
	now, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, now), bare(err)
}

// bare takes the path out of an error that will be wrapped with it.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pe.Op, pe.Err)
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s: %w", le.Op, le.Err)
	}
	return err
}
