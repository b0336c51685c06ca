package remedy

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// A rotated file is a log that was renamed and made anew.
type rotated struct {
	item   Item
	file   file   // by its new name
	reason string // why it is still there
}

// How long it is waited for a renamed log to be let go: after each, in which the
// runtime closes it, and at the end, in which whoever ships logs reads the rest.
const (
	shortWait = 500 * time.Millisecond
	longWait  = 5 * time.Second
)

// settle removes the renamed logs as they are let go. It returns when none is
// left, or after that time.
func (a *logApply) settle(ctx context.Context, rest []Item, wait time.Duration) error {
	began, pause := time.Now(), 10*time.Millisecond
	for len(a.rotated) > 0 {
		if len(rest) == 0 { // stop as soon as there is enough
			if enough, err := a.meter.enough(ctx); enough || err != nil {
				return err
			}
		}
		if err := a.scan(ctx, rest); err != nil {
			return err
		}
		if err := a.dropRotated(); err != nil || time.Since(began) > wait {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, wait/8)
	}
	return nil
}

// dropRotated removes what nobody needs any more.
func (a *logApply) dropRotated() error {
	left := a.rotated[:0]
	for _, r := range a.rotated {
		freed, reason, err := a.drop(&r.file, a.uses[r.file.ino])
		switch {
		case err == unix.ENOENT: // the kubelet's doing
			a.notes.add("renamed and reopened; the old file has been compressed or removed by somebody else", printable(r.file.path()))
		case err != nil:
			if err := a.note(r.item, err); err != nil {
				return err
			}
		case reason != "":
			r.reason = reason
			left = append(left, r)
		default:
			a.meter.removed(r.item, headroom.Amount{Bytes: freed.Bytes}) // the new log took the inode
			a.meter.run.step(logRemoved)
		}
	}
	clear(a.rotated[len(left):])
	a.rotated = left
	return nil
}

// keepRotated says which renamed logs stay.
func (a *logApply) keepRotated() {
	for _, r := range a.rotated {
		if r.reason == "" {
			r.reason = "its room was not needed any more"
		}
		a.notes.add("renamed and reopened; the old file stays: "+r.reason, printable(r.file.path()))
	}
}

// drop removes a log that is written no more, or returns why it must stay. Who
// has read it to its end and holds it still would keep its blocks: for those it
// is emptied first.
func (a *logApply) drop(f *file, u *uses) (freed headroom.Amount, reason string, err error) {
	dir, st, err := a.lookAgain(f)
	if err != nil {
		return freed, "", err
	}
	u.refresh()
	if reason := u.forbidRemoval(st.Size); reason != "" {
		return freed, reason, nil
	}
	if len(u.readers) > 0 {
		if err := a.emptyHeld(f); err != nil {
			return freed, "", err
		}
	}
	if err := unix.Unlinkat(dir, f.name, 0); err != nil {
		return freed, "", err
	}
	return headroom.Amount{Bytes: st.Blocks * 512, Inodes: 1}, "", nil
}

// emptyHeld empties a log that nobody writes.
func (a *logApply) emptyHeld(f *file) error {
	fd, err := a.openLog(f)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if err := f.same(&st); err != nil {
		return err
	}
	return unix.Ftruncate(fd, 0)
}
