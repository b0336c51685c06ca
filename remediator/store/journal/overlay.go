package journal

import (
	"fmt"

	"github.com/nodeheadroom/headroom"
)

// An overlay is the state as it will be once a batch is durable.
type overlay struct {
	under   *state
	entries map[key]entry
	size    int64
}

func (o *overlay) get(k key) (entry, bool) {
	if e, ok := o.entries[k]; ok {
		return e, true
	}
	e, ok := o.under.entries[k]
	return e, ok
}

// add takes c's entries in, if it is over the right version and leaves no more
// than limit bytes. A call that makes the state no larger always fits.
func (o *overlay) add(c *call, limit int64) error {
	if k := c.entries[0].key; c.saves {
		if now, _ := o.get(k); now.version != c.over {
			return fmt.Errorf("%s: stored version is %q, not %q: %w", k, now.version, c.over, headroom.ErrConflict)
		}
	}
	size := o.size
	for _, e := range c.entries {
		if old, ok := o.get(e.key); ok {
			size -= old.size()
		}
		size += e.size()
	}
	if size > limit && size > o.size {
		return fmt.Errorf("%s: full: all that lives would be %d bytes, at most %d: start with a larger journal file",
			c.entries[0].key, size, limit)
	}
	for _, e := range c.entries {
		o.entries[e.key] = e
	}
	o.size = size
	return nil
}
