package remedy

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// removers is how many rotated files are unlinked at once. Most of an unlink is
// the filesystem's own work, which it does for two folders side by side.
const removers = 2

// A removal is one run of rotated files that several unlink. Each is looked at
// again right before it goes, by whoever unlinks it; whether more must go is
// decided by one at a time.
type removal struct {
	*logApply
	items []Item

	mu     sync.Mutex // guards what follows, and the logApply
	done   sync.Cond  // one more file is dealt with
	next   int        // the first item that nobody has taken
	flying int64      // what those that are being unlinked should free
	enough bool
	err    error
}

// removeAll unlinks rotated files until enough is free.
func (a *logApply) removeAll(ctx context.Context, items []Item) (enough bool, err error) {
	if a.held == nil {
		if a.held, err = heldFiles(ctx, a.node.Proc, a.disk); err != nil {
			return false, a.note(items[0], err)
		}
	}
	r := &removal{logApply: a, items: items}
	r.done.L = &r.mu
	var all sync.WaitGroup
	for range removers {
		all.Go(func() { r.work(ctx) })
	}
	all.Wait()
	return r.enough, r.err
}

// work takes the files of one folder after the other: two in one folder would
// only wait for its lock.
func (r *removal) work(ctx context.Context) {
	var mine folders
	defer mine.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.done.Broadcast()
	for chunk := r.take(); len(chunk) > 0; {
		if r.sparedNow(chunk[0]) {
			for _, item := range chunk { // all are of one pod
				r.notes.add(hasOptedOut, item.What)
			}
			chunk = r.take()
			continue
		}
		if !r.more(ctx) {
			return
		}
		item := chunk[0]
		frees := item.Frees.In(r.meter.unit)
		r.flying += frees
		r.mu.Unlock()
		freed, err := r.unlink(&mine, &item.file)
		r.mu.Lock()
		r.flying -= frees
		if err == nil {
			r.meter.removed(item, freed)
			r.meter.run.step(logRemoved)
		}
		if err = r.note(item, err); err != nil && r.err == nil {
			r.err = err
		}
		r.done.Broadcast()
		if chunk = chunk[1:]; len(chunk) == 0 {
			chunk = r.take()
		}
	}
}

// more waits while what others are unlinking may be enough, and reports whether
// one more file should go.
func (r *removal) more(ctx context.Context) bool {
	for r.flying > 0 && r.meter.freed+r.flying >= r.meter.missing {
		r.done.Wait()
	}
	if r.err != nil || r.enough {
		return false
	}
	if r.err = ctx.Err(); r.err == nil {
		r.enough, r.err = r.meter.enough(ctx)
	}
	return r.err == nil && !r.enough
}

// maxTaken bounds what one takes at once, so that the other is not left without.
const maxTaken = 256

// take returns the next files of one folder.
func (r *removal) take() []Item {
	from := r.next
	for r.next < len(r.items) && r.next-from < maxTaken && r.items[r.next].file.in == r.items[from].file.in {
		r.next++
	}
	return r.items[from:r.next]
}

// unlink looks again at a file, and removes it if it is still what was planned.
func (a *logApply) unlink(in *folders, f *file) (freed headroom.Amount, err error) {
	dir, st, err := in.look(f)
	if err != nil {
		return freed, err
	}
	if a.held[f.ino] {
		return freed, leftAlone(isHeld)
	}
	if err := unix.Unlinkat(dir, f.name, 0); err != nil {
		return freed, err
	}
	return headroom.Amount{Bytes: st.Blocks * 512, Inodes: 1}, nil
}
