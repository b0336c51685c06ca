package engine

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
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
	buf    *bufio.Writer
	file   *os.File
	lines  int // in buf
}

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

// record adds a line. Lines are kept in memory until a buffer is full or flush
// is called.
func (a *Audit) record(episode, name string, item remedy.Item, freed headroom.Amount) {
	if a == nil {
		return
	}
	line, err := json.Marshal(auditLine{At: time.Now(), Episode: episode, Remedy: name, Did: item.Does, What: item.What, Amount: freed})
	if err != nil {
		a.fail(1, err)
		return
	}
	if a.file == nil {
		if err := a.open(); err != nil {
			a.fail(1, err)
			return
		}
	}
	a.lines++
	if _, err := a.buf.Write(append(line, '\n')); err != nil {
		a.drop(err)
	}
}

// flush writes what is buffered and closes the file, so that nothing is held
// open between rungs.
func (a *Audit) flush() {
	if a == nil || a.file == nil {
		return
	}
	if err := a.buf.Flush(); err != nil {
		a.drop(err)
		return
	}
	a.lines = 0
	a.close()
}

func (a *Audit) open() error {
	if info, err := os.Stat(a.path); err == nil && info.Size() >= a.limit {
		if err := os.Rename(a.path, a.path+".1"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	a.file, a.buf = f, bufio.NewWriterSize(f, 64<<10)
	return nil
}

func (a *Audit) close() {
	if err := a.file.Close(); err != nil {
		a.logger.Warn("audit list", "err", err)
	}
	a.file, a.buf = nil, nil
}

func (a *Audit) drop(err error) {
	a.fail(a.lines, err)
	a.lines = 0
	a.close()
}

func (a *Audit) fail(lines int, err error) {
	a.lost(lines)
	a.logger.Warn("audit list could not be written", "lines", lines, "err", fmt.Errorf("%s: %w", a.path, err))
}
