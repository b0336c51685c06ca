package journal

import (
	"context"
	"io/fs"

	"github.com/nodeheadroom/headroom"
)

// Control returns what was saved last, or the zero value with the version "" if
// nothing was. It is the caller's.
func (j *Journal) Control(ctx context.Context) (headroom.Control, error) {
	if err := context.Cause(ctx); err != nil {
		return headroom.Control{}, j.wrap(err)
	}
	j.mu.Lock()
	e, saved := j.state.entries[controlKey]
	closed := j.closed
	j.mu.Unlock()
	switch {
	case closed:
		return headroom.Control{}, j.wrap(fs.ErrClosed)
	case !saved:
		return headroom.Control{}, nil
	}
	w, err := decode(e.raw)
	if err != nil {
		return headroom.Control{}, j.wrap(err)
	}
	return *w.Control, nil
}

// SaveControl makes c durable and sets its version, as [Journal.Save] does for a
// case: over another version than c's it changes nothing and returns
// [headroom.ErrConflict].
func (j *Journal) SaveControl(ctx context.Context, c *headroom.Control) error {
	return j.save(ctx, &c.Version, func(next string) (entry, error) { return controlEntry(*c, next) })
}
