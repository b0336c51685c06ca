package kubelet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A logFile is a kubelet's log. When a kubelet starts it says there which hard
// thresholds it has. Only one read at a time.
type logFile struct {
	path    string
	release func() release

	// Which file it was last, and how far it was read.
	device, inode uint64
	seen          int64 // bytes
	// What the last kubelet that started said there.
	said *Configuration
	err  error
}

const (
	// logBlock is how much of a log is searched at once, in bytes.
	logBlock = 256 << 10
	// maxLine is how long a line may be that is understood, in bytes. The one that
	// is looked for has two or three thousand.
	maxLine = 64 << 10
)

// errNotLogged is what a log says that begins after the kubelet did.
var errNotLogged = errors.New("the kubelet's start is not in it (has it been rotated since?)")

// read looks for the last start that the log tells of: the first time from its end
// backwards, then only in what was added. A log that was rotated and tells of no
// start changes nothing.
func (l *logFile) read(context.Context) (*Configuration, error) {
	f, err := os.OpenFile(l.path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	if kind := stat.Mode & unix.S_IFMT; kind != unix.S_IFREG {
		return nil, fmt.Errorf("%s: is %s", l.path, kinds[kind])
	}
	if stat.Dev != l.device || stat.Ino != l.inode || stat.Size < l.seen {
		l.device, l.inode, l.seen = stat.Dev, stat.Ino, 0
	}
	if err := l.search(f, stat.Size); err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	if l.err == nil && l.said == nil {
		return nil, fmt.Errorf("%s: %w", l.path, errNotLogged)
	}
	if l.err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, l.err)
	}
	c := *l.said
	return &c, nil
}

// search reads what is between what was seen and size.
func (l *logFile) search(f io.ReaderAt, size int64) error {
	end, err := lastNewline(f, l.seen, size)
	if err != nil {
		return err
	}
	window := make([]byte, 0, logBlock+2*maxLine)
	for to := end; to > l.seen; to -= logBlock {
		// A line that begins in this block may end in the next, and one that
		// matters in this may begin in the one before.
		from := max(to-logBlock, l.seen)
		before, after := max(from-maxLine, l.seen), min(to+maxLine, end)
		window = window[:after-before]
		if _, err := f.ReadAt(window, before); err != nil {
			return err
		}
		if l.lastStart(window, int(from-before), int(to-before)) {
			break
		}
	}
	l.seen = end
	return nil
}

// lastStart takes the last start that begins between from and to, if there is one.
func (l *logFile) lastStart(window []byte, from, to int) bool {
	for at := to; ; {
		at = bytes.LastIndex(window[:min(at+len(startSentence)-1, len(window))], []byte(startSentence))
		if at < from {
			return false
		}
		begin := bytes.LastIndexByte(window[:at], '\n') + 1
		length := bytes.IndexByte(window[begin:], '\n')
		if length < 0 {
			continue
		}
		version, r := versionBefore(window[:begin]), l.release()
		if version != "" {
			r = parseRelease(version)
		}
		c, ours, err := parseStart(string(window[begin:begin+length]), r)
		if !ours {
			continue
		}
		if c != nil {
			c.Version = version
		}
		l.said, l.err = c, err
		return true
	}
}

// lastNewline is where the last whole line between two places ends.
func lastNewline(f io.ReaderAt, from, to int64) (int64, error) {
	tail := make([]byte, min(to-from, maxLine))
	if _, err := f.ReadAt(tail, to-int64(len(tail))); err != nil {
		return 0, err
	}
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		return to - int64(len(tail)) + int64(i) + 1, nil
	}
	return from, nil
}
