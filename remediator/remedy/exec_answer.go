package remedy

import (
	"bytes"
	"errors"
	"fmt"

	kjson "sigs.k8s.io/json"

	headroom "github.com/nodeheadroom/headroom"
)

// Limits of what a program may say.
const (
	maxLine     = 64 << 10
	maxAnswer   = 1 << 20
	maxProgress = 10
	maxClaim    = int64(1) << 60 // of bytes or inodes in one run
)

// An answer reads a program's standard output, line by line as it comes. Its
// methods are not for several goroutines.
type answer struct {
	freed    func(headroom.Amount)
	total    int
	line     int // its number
	partial  []byte
	done     bool
	claimed  headroom.Amount
	progress []string
	skipped  int // progress notes beyond maxProgress
}

// Write takes output as it comes. An error says which line is wrong.
func (a *answer) Write(p []byte) (int, error) {
	if a.total += len(p); a.total > maxAnswer {
		return 0, fmt.Errorf("output: more than %d bytes", maxAnswer)
	}
	rest := p
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if len(a.partial)+len(line) > maxLine {
			return 0, fmt.Errorf("output line %d: longer than %d bytes", a.line+1, maxLine)
		}
		a.partial = append(a.partial, line...)
		if !whole {
			return len(p), nil
		}
		if err := a.read(a.partial); err != nil {
			return 0, err
		}
		a.partial, rest = a.partial[:0], after
	}
}

// end checks that the answer is complete.
func (a *answer) end() error {
	if len(a.partial) > 0 {
		if err := a.read(a.partial); err != nil {
			return err
		}
		a.partial = nil
	}
	if !a.done {
		return errors.New(`output ended without {"done":true}`)
	}
	return nil
}

// word is one line. Exactly one of its fields is set.
type word struct {
	Progress *string `json:"progress"`
	Freed    *struct {
		Bytes  int64 `json:"bytes"`
		Inodes int64 `json:"inodes"`
	} `json:"freed"`
	Done *bool `json:"done"`
}

func (a *answer) read(line []byte) error {
	a.line++
	if err := a.understand(line); err != nil {
		if len(line) > 200 {
			line = line[:200]
		}
		return fmt.Errorf("output line %d: %w: %q", a.line, err, line)
	}
	return nil
}

func (a *answer) understand(line []byte) error {
	if a.done {
		return errors.New(`there is more after {"done":true}`)
	}
	var w word
	strict, err := kjson.UnmarshalStrict(line, &w)
	if err = errors.Join(append(strict, err)...); err != nil {
		return err
	}
	switch {
	case w.Progress != nil && w.Freed == nil && w.Done == nil:
		if len(a.progress) < maxProgress {
			a.progress = append(a.progress, printable(*w.Progress))
		} else {
			a.skipped++
		}
	case w.Freed != nil && w.Progress == nil && w.Done == nil:
		return a.claim(headroom.Amount{Bytes: w.Freed.Bytes, Inodes: w.Freed.Inodes})
	case w.Done != nil && *w.Done && w.Progress == nil && w.Freed == nil:
		a.done = true
	default:
		return errors.New(`say {"progress":"text"}, {"freed":{"bytes":1,"inodes":1}} or {"done":true}`)
	}
	return nil
}

func (a *answer) claim(freed headroom.Amount) error {
	if freed.Bytes < 0 || freed.Inodes < 0 || freed.Bytes > maxClaim-a.claimed.Bytes || freed.Inodes > maxClaim-a.claimed.Inodes {
		return errors.New("freed is negative or beyond all disks")
	}
	a.claimed = a.claimed.Add(freed)
	a.freed(freed)
	return nil
}

// notes returns what the program said for the record.
func (a *answer) notes() []string {
	if a.skipped > 0 {
		return append(a.progress, fmt.Sprintf("… and %d more", a.skipped))
	}
	return a.progress
}
