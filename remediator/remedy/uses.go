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
	return u.behind(size)
}

// maxLag is how far a reader may lie behind a log that is to be renamed: what it
// reads within a moment. Who lies further behind would keep the renamed file.
const maxLag = 1 << 20

// forbidReopen returns why a log of that size must not be renamed and reopened,
// or "". Whether its writers append does not matter.
func (u *uses) forbidReopen(size int64) string {
	switch {
	case u.unclear != "":
		return "cannot tell: " + u.unclear
	case u.mapped != "":
		return "process " + u.mapped + " maps it"
	case u.writers == 0:
		return "no writer is seen: cannot tell who writes it"
	}
	return u.behind(size - maxLag)
}

// forbidRemoval returns why the old file of a log of that size must not go yet,
// or "".
func (u *uses) forbidRemoval(size int64) string {
	switch {
	case u.unclear != "":
		return "cannot tell: " + u.unclear
	case u.mapped != "":
		return "process " + u.mapped + " maps it"
	case u.writers > 0:
		return "it is still open for writing"
	}
	return u.behind(size)
}

// behind returns which reader has not come that far, or "".
func (u *uses) behind(size int64) string {
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
