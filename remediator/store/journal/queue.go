package journal

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
)

// A call is a Request or a save that waits for the writer.
type call struct {
	entries []entry
	saves   bool   // the one entry is a case or the control,
	over    string // to be stored over this version
	done    chan error
}

// put adds e, in the place of an entry with the same key.
func (c *call) put(e entry) {
	for i := range c.entries {
		if c.entries[i].key == e.key {
			c.entries[i] = e
			return
		}
	}
	c.entries = append(c.entries, e)
}

func (c *call) size() (n int64) {
	for _, e := range c.entries {
		n += e.size()
	}
	return n
}

// do queues c and waits until it is durable or has failed.
func (j *Journal) do(ctx context.Context, c *call) error {
	if err := context.Cause(ctx); err != nil {
		return j.wrap(err)
	}
	if err := j.fits(c); err != nil {
		return j.wrap(err)
	}
	c.done = make(chan error, 1)
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return j.wrap(fs.ErrClosed)
	}
	j.queue = append(j.queue, c)
	select {
	case j.wake <- struct{}{}:
	default: // the writer knows already
	}
	j.mu.Unlock()
	select {
	case err := <-c.done:
		return j.wrap(err)
	case <-ctx.Done():
		j.forget(c)
	}
	select {
	case err := <-c.done: // it was in time after all
		return j.wrap(err)
	default:
		return j.wrap(context.Cause(ctx))
	}
}

func (j *Journal) fits(c *call) error {
	for _, e := range c.entries {
		if e.size() > j.layout.value() {
			return fmt.Errorf("%s: %d bytes, at most %d: %w", e.key, e.size(), j.layout.value(), ErrTooLarge)
		}
	}
	if n := c.size(); n > j.layout.batch() {
		return fmt.Errorf("%d requests at once: %d bytes, at most %d: %w", len(c.entries), n, j.layout.batch(), ErrTooLarge)
	}
	return nil
}

// forget takes a call that nobody waits for out of the queue, so that a disk
// that hangs does not gather calls without end.
func (j *Journal) forget(c *call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = slices.DeleteFunc(j.queue, func(q *call) bool { return q == c })
}

// take returns the calls at the head of the queue that fit into one batch.
func (j *Journal) take() []*call {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, size := 0, int64(0)
	for _, c := range j.queue {
		if size += c.size(); size > j.layout.batch() {
			break
		}
		n++
	}
	batch := slices.Clone(j.queue[:n])
	j.queue = slices.Delete(j.queue, 0, n)
	return batch
}

// admit returns the calls of a batch that can be carried out, in order, and the
// entries they leave; the others get their error now.
func (j *Journal) admit(batch []*call) (admitted []*call, es []entry) {
	after := overlay{under: j.state, size: j.state.size, entries: map[key]entry{}}
	for _, c := range batch {
		if err := after.add(c, j.layout.live()); err != nil {
			c.done <- err
			continue
		}
		admitted = append(admitted, c)
		es = append(es, c.entries...)
	}
	return admitted, es
}
