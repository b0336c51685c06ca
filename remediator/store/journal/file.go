package journal

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A file is what the journal does to its file once it is open: reading and
// overwriting in place. Tests record it and make it fail.
type file interface {
	io.ReaderAt
	io.WriterAt
	// Sync returns once everything written is on the disk (fdatasync: the
	// file's size never changes and its times do not matter).
	Sync() error
	Close() error
}

type osFile struct{ *os.File }

func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
