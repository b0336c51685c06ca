package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// An Audit is the list of everything that was removed, one JSON object a line.
// It is written after the act, never before: on a full disk it has no room
// until something has been freed. What it cannot keep it counts. A nil Audit
// keeps nothing.
type Audit struct {
	path   string
	limit  int64 // bytes, at which the file is set aside; one older one is kept
	lost   func(lines int)
	logger *slog.Logger
	file   *os.File
	buf    []byte // whole lines that are not in the file yet
	lines  int    // in buf
	missed int    // lines that could not be kept since the last flush
	err    error  // the first reason
}

// auditBuffer is how many bytes of lines are written at once.
const auditBuffer = 64 << 10

// NewAudit returns the list in the file at path, which grows to limit bytes and
// is then renamed to path + ".1". lost is told how many lines could not be kept.
// It is for one goroutine.
func NewAudit(path string, limit int64, lost func(lines int), logger *slog.Logger) *Audit {
	return &Audit{path: path, limit: limit, lost: lost, logger: logger}
}

type auditLine struct {
	At      time.Time `json:"at"`
	Episode string    `json:"episode"`
	Remedy  string    `json:"remedy"`
	Did     string    `json:"did"`
	What    string    `json:"what"`
	headroom.Amount
}

// appendLine appends a line as encoding/json would write it, at a fraction of its
// price: tens of thousands of files may go in a second.
func appendLine(b []byte, l auditLine) []byte {
	b = append(b, `{"at":"`...)
	b = l.At.AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	for _, field := range [...]struct{ name, value string }{
		{`,"episode":`, l.Episode}, {`,"remedy":`, l.Remedy}, {`,"did":`, l.Did}, {`,"what":`, l.What},
	} {
		b = appendString(append(b, field.name...), field.value)
	}
	b = strconv.AppendInt(append(b, `,"bytes":`...), l.Bytes, 10)
	b = strconv.AppendInt(append(b, `,"inodes":`...), l.Inodes, 10)
	return append(b, '}', '\n')
}

// appendString appends a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string has always a form
			}
			return append(b, quoted...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

// record adds a line. Lines are kept in memory until there is a buffer full of
// them or flush is called.
func (a *Audit) record(episode, name string, item remedy.Item, freed headroom.Amount) {
	if a == nil {
		return
	}
	a.lines++
	a.buf = appendLine(a.buf, auditLine{At: time.Now(), Episode: episode, Remedy: name, Did: item.Does, What: item.What, Amount: freed})
	if len(a.buf) >= auditBuffer {
		a.write()
	}
}

// flush writes what is buffered and closes the file, so that nothing is held
// open between rungs. What was lost since the last time it says once.
func (a *Audit) flush() {
	if a == nil {
		return
	}
	if a.lines > 0 {
		a.write()
	}
	if a.file != nil {
		if err := a.file.Close(); err != nil {
			a.logger.Warn("audit list", "err", err)
		}
		a.file = nil
	}
	if a.missed > 0 {
		a.lost(a.missed)
		a.logger.Warn("audit list could not be written", "lines", a.missed, "err", fmt.Errorf("%s: %w", a.path, a.err))
	}
	a.buf, a.missed, a.err = nil, 0, nil
}

// write empties the buffer into the file.
func (a *Audit) write() {
	err := a.open()
	if err == nil {
		err = a.append(a.buf)
	}
	if err != nil {
		a.miss(a.lines, err)
	}
	a.buf, a.lines = a.buf[:0], 0
}

func (a *Audit) miss(lines int, err error) {
	a.missed, a.err = a.missed+lines, cmp.Or(a.err, err)
}

// append writes all lines or none: a line that is cut would spoil the next one.
func (a *Audit) append(lines []byte) error {
	end, err := a.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := a.file.Write(lines); err != nil {
		return errors.Join(err, a.file.Truncate(end))
	}
	return nil
}

func (a *Audit) open() error {
	if a.file != nil {
		return nil
	}
	if info, err := os.Stat(a.path); err == nil && info.Size() >= a.limit {
		if err := os.Rename(a.path, a.path+".1"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	a.file = f
	return nil
}
