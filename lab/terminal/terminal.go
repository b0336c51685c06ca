// Package terminal tells whether somebody is watching, and how wide their
// window is: what is drawn in place for them is plain lines for everybody else.
package terminal

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Width returns the columns of the terminal that w writes to. It reports false
// where w is none, or one that cannot move its cursor (TERM=dumb).
func Width(w io.Writer) (columns int, ok bool) {
	file, isFile := w.(*os.File)
	if !isFile || os.Getenv("TERM") == "dumb" {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	if size.Col == 0 { // a serial line does not know
		return 80, true
	}
	return int(size.Col), true
}
