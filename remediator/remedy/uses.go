package remedy

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// uses is what processes do with one file, as far as truncation is concerned.
type uses struct {
	writers int
	plain   string   // the first writer that does not append, and its offset
	mapped  string   // a process that maps the file
	readers []reader // at most maxReaders
	unclear string   // why it cannot be told
}

// A reader is a descriptor that reads. Its process may have more of them.
type reader struct {
	process string
	fdinfo  string // its path
	offset  int64
}

const maxReaders = 64

// forbid returns why a file of that size must not be truncated, or "".
func (u *uses) forbid(size int64) string {
	switch {
	case u.unclear != "":
		return "cannot tell: " + u.unclear
	case u.plain != "":
		return "writer without O_APPEND: process " + u.plain + "; it would leave a hole"
	case u.mapped != "":
		return "process " + u.mapped + " maps it"
	case u.writers == 0:
		return "no writer is seen: cannot tell who writes it"
	}
	for _, r := range u.readers {
		if r.offset < size {
			return fmt.Sprintf("reader behind: process %s has not read it to the end", r.process)
		}
	}
	return ""
}

// refresh reads again how far the readers have got.
func (u *uses) refresh() {
	for i := range u.readers {
		r := &u.readers[i]
		data, err := os.ReadFile(r.fdinfo)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			r.offset = 1<<63 - 1 // it reads no more
			continue
		}
		offset, _, perr := parseFDInfo(data)
		if err = errors.Join(err, perr); err != nil {
			u.unclear = fmt.Sprintf("process %s: %v", r.process, err)
		}
		r.offset = offset
	}
}
