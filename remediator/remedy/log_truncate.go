package remedy

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// truncate empties a live log if, by a look at every process right before,
// each of its writers appends, nobody maps it and every reader is at its end.
// It looks again right after: a writer without O_APPEND that opened the file in
// between goes on at its old offset and leaves a hole, which is said.
//
// What a writer appends between the readers' last look and the act is lost to
// them; that is two system calls.
func (a *logApply) truncate(ctx context.Context, item Item, rest []Item) error {
	f := &item.file
	if a.uses[f.ino] == nil {
		if err := a.scan(ctx, rest); err != nil {
			return err
		}
	}
	freed, err := a.empty(f, a.uses[f.ino])
	if err != nil {
		return err
	}
	a.meter.removed(item, freed)
	a.meter.run.step(logTruncated)
	return a.lookAfter(ctx, item, rest)
}

// empty truncates f if u still allows it. Its own descriptor is closed when it
// returns, or the next look would find it.
func (a *logApply) empty(f *file, u *uses) (freed headroom.Amount, err error) {
	fd, err := a.openLog(f)
	if err != nil {
		return freed, err
	}
	defer unix.Close(fd)
	var was, is unix.Stat_t
	if err := unix.Fstat(fd, &was); err != nil {
		return freed, err
	}
	if err := f.same(&was); err != nil {
		return freed, err
	}
	u.refresh()
	if reason := u.forbid(was.Size); reason != "" {
		return freed, leftAlone(reason)
	}
	if err := unix.Ftruncate(fd, 0); err != nil {
		return freed, err
	}
	if err := unix.Fstat(fd, &is); err != nil {
		is.Blocks = 0
	}
	return givenBack(&was, &is), nil
}

// givenBack is what a truncation freed. A writer may have filled more again by
// the time we look; then it is nothing, and never less.
func givenBack(was, is *unix.Stat_t) headroom.Amount {
	return headroom.Amount{Bytes: max(0, was.Blocks-is.Blocks) * 512}
}

// scan finds out who uses the live logs that may still be touched, and those
// that were renamed.
func (a *logApply) scan(ctx context.Context, items []Item) error {
	clear(a.uses)
	for _, item := range items {
		if item.Does != Remove {
			a.uses[item.file.ino] = new(uses)
		}
	}
	for _, r := range a.rotated {
		a.uses[r.file.ino] = new(uses)
	}
	return findUses(ctx, a.node.Proc, a.disk, a.uses)
}

// openLog opens a planned log for writing. It looks at the name first: to open
// a device can have effects of its own.
func (a *logApply) openLog(f *file) (int, error) {
	dir, _, err := a.lookAgain(f)
	if err != nil {
		return -1, err
	}
	fd, err := openBeneath(dir, f.name, unix.O_WRONLY|unix.O_NONBLOCK)
	switch err {
	case unix.ELOOP, unix.EXDEV, unix.ENXIO, unix.EISDIR:
		return -1, errChanged
	}
	return fd, err
}

// lookAfter looks for harm done to whoever began to use the file after the scan
// before. The same look serves the next file as the one before.
func (a *logApply) lookAfter(ctx context.Context, item Item, rest []Item) error {
	if err := a.scan(ctx, rest); err != nil {
		return fmt.Errorf("look again after truncation: %w", err)
	}
	u := a.uses[item.file.ino]
	if u.plain != "" {
		a.harm = append(a.harm, fmt.Sprintf("harm: %s was truncated while process %s began to write it without O_APPEND: expect a hole up to there", item.What, u.plain))
	}
	if u.mapped != "" {
		a.harm = append(a.harm, fmt.Sprintf("harm: %s was truncated while process %s began to map it", item.What, u.mapped))
	}
	return nil
}
