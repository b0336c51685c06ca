package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nodeheadroom/headroom"
)

// ErrTooLarge says that a single request, case or control is larger than the journal
// takes: 1/16 of half its file, 256 KiB unless its size was set. Trying again
// does not help.
var ErrTooLarge = errors.New("too large for the journal")

// A Journal is an open journal. Its methods may be called from many goroutines;
// calls that wait at the same moment share one write and one sync.
type Journal struct {
	path    string
	file    file
	log     *slog.Logger
	now     func() time.Time
	layout  layout
	memory  bool
	aside   []string // where damaged files went
	errors  atomic.Uint64
	wake    chan struct{} // something is queued, or the queue is closed
	stopped chan struct{} // the writer has returned

	mu       sync.Mutex // guards what follows
	queue    []*call
	closed   bool
	state    *state // changed by the writer alone, which reads it without the lock
	closing  sync.Once
	closeErr error

	writer
}

// Request makes rs durable before it returns: all of them or none. A newer
// request replaces the one of the same node and signal; of two at once the one
// that is written later stays, of two in rs the later in rs.
//
// If ctx ends first, the requests may or may not become durable.
func (j *Journal) Request(ctx context.Context, rs []headroom.Request) error {
	if len(rs) == 0 {
		return nil
	}
	c := &call{}
	for _, r := range rs {
		e, err := requestEntry(r)
		if err != nil {
			return j.wrap(err)
		}
		c.put(e)
	}
	return j.do(ctx, c)
}

// Load returns every case with its newest request, sorted by node and signal.
// The cases are the caller's.
func (j *Journal) Load(ctx context.Context) ([]headroom.Case, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, j.wrap(err)
	}
	j.mu.Lock()
	es, closed := slices.Collect(maps.Values(j.state.entries)), j.closed
	j.mu.Unlock()
	if closed {
		return nil, j.wrap(fs.ErrClosed)
	}
	cs, err := cases(es)
	return cs, j.wrap(err)
}

// Save makes c durable, without its request, and sets its version. If what is
// stored is not of c's version it changes nothing and returns
// [headroom.ErrConflict]; a case that was never saved has the version "".
//
// If ctx ends first, c may or may not become durable, and a further Save of it
// may conflict: load it again.
func (j *Journal) Save(ctx context.Context, c *headroom.Case) error {
	if n := len(c.Episodes); n > headroom.MaxEpisodes {
		return j.wrap(fmt.Errorf("case %s/%s: %d episodes, at most %d are kept: drop the oldest first",
			c.Node, c.Signal, n, headroom.MaxEpisodes))
	}
	return j.save(ctx, &c.Version, func(next string) (entry, error) { return caseEntry(*c, next) })
}

// save makes durable what stored returns for a version, the next one after
// *version, and sets that.
func (j *Journal) save(ctx context.Context, version *string, stored func(next string) (entry, error)) error {
	next, ok := following(*version)
	e, err := stored(next)
	if err != nil {
		return j.wrap(err)
	}
	if !ok {
		return j.wrap(fmt.Errorf("%s: version %q: %w", e.key, *version, headroom.ErrConflict))
	}
	if err := j.do(ctx, &call{entries: []entry{e}, saves: true, over: *version}); err != nil {
		return err
	}
	*version = next
	return nil
}

// following returns the version after one; it is not ok if that is none of a
// journal's.
func following(version string) (next string, ok bool) {
	if version == "" {
		return "1", true
	}
	n, err := strconv.ParseUint(version, 10, 64)
	return strconv.FormatUint(n+1, 10), err == nil
}

// Close waits until everything that was asked before is durable or has failed,
// and gives the file free. Later calls fail.
func (j *Journal) Close() error {
	j.closing.Do(func() {
		j.mu.Lock()
		j.closed = true
		j.mu.Unlock()
		close(j.wake)
		<-j.stopped
		j.closeErr = j.wrap(bare(j.file.Close()))
	})
	return j.closeErr
}

// Path returns where the journal is: the fallback's path if that is in use.
func (j *Journal) Path() string { return j.path }

// InMemory reports whether the journal is on memory-backed space: it outlives
// the program but not the machine.
func (j *Journal) InMemory() bool { return j.memory }

// SetAside returns the name that a file was given because it could not be
// wholly understood when the journal was opened, or "".
func (j *Journal) SetAside() string {
	if len(j.aside) == 0 {
		return ""
	}
	return j.aside[0]
}

// SetAsideCount returns how many files were set aside when the journal was
// opened: its own and its fallback's.
func (j *Journal) SetAsideCount() int { return len(j.aside) }

// Errors returns how many writes have failed since the journal was opened. Each
// failed all calls that shared it.
func (j *Journal) Errors() uint64 { return j.errors.Load() }

func (j *Journal) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("journal %s: %w", j.path, err)
}
