package remedy

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

// Apply looks once more at who holds files open, and at each file by identity
// right before it goes. Between that look and the act lies one system call: a
// writer that renames another file to the same name within it would lose that
// one. It creates nothing, so it works on a disk that is full.
func (l LogReclaim) Apply(ctx context.Context, n Node, plan Plan, run Run) ([]string, error) {
	a := logApply{
		node:  n,
		disk:  plan.need.Disk,
		meter: meter{run: run, unit: plan.need.Signal.Unit()},
		uses:  make(map[uint64]*uses),
	}
	var err error
	if a.out, err = optedOut(ctx, n); err != nil {
		return nil, err
	}
	// To read the node takes time in which a look at its processes grows old.
	a.meter.run.Missing = func(ctx context.Context) (int64, error) {
		clear(a.uses)
		return run.Missing(ctx)
	}
	defer a.folders.close()
	err = a.apply(ctx, plan.Items)
	a.keepRotated()
	return append(a.harm, a.notes.list()...), err
}

// A logApply is one run of LogReclaim.Apply.
type logApply struct {
	node    Node
	disk    node.Disk
	meter   meter
	folders folders
	notes   notes
	harm    []string
	held    map[uint64]bool  // by the scan at the start
	uses    map[uint64]*uses // of the live logs, by the latest scan
	out     podSet
	rotated []*rotated // renamed and not gone yet
}

func (a *logApply) apply(ctx context.Context, items []Item) error {
	for len(items) > 0 {
		item, rest := items[0], items[1:]
		var enough bool
		var err error
		if item.Does == Remove {
			n := 1
			for n < len(items) && items[n].Does == Remove {
				n++
			}
			rest = items[n:]
			enough, err = a.removeAll(ctx, items[:n])
		} else {
			enough, err = a.one(ctx, items)
		}
		if enough || err != nil {
			return err
		}
		items = rest
	}
	return a.settle(ctx, nil, longWait)
}

// one deals with the first of the items, a live log, unless enough is free.
func (a *logApply) one(ctx context.Context, items []Item) (enough bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if enough, err := a.meter.enough(ctx); enough || err != nil {
		return enough, err
	}
	item := items[0]
	switch {
	case a.sparedNow(item):
		err = leftAlone(hasOptedOut)
	case item.Does == Rotate:
		err = a.rotate(ctx, item, items)
	case item.Does == Truncate:
		err = a.truncate(ctx, item, items)
	}
	return false, a.note(item, err)
}

// sparedNow reports whether the pod has opted out since the plan.
func (a *logApply) sparedNow(item Item) bool {
	return a.out.has(item.file.in.owner)
}

// note turns an error that concerns one file only into a note. What is gone is
// done; of a log that is written it is said, too. Only bare errors are meant: one
// with words around it came from a look at roots or processes and concerns all.
func (a *logApply) note(item Item, err error) error {
	if left, ok := err.(leftAlone); ok {
		a.notes.add(string(left), item.What)
		return nil
	}
	switch err {
	case nil:
		return nil
	case unix.ENOENT:
		if item.Does != Remove {
			a.notes.add("it is gone", item.What)
		}
		return nil
	case errChanged, unix.EACCES, unix.EPERM, unix.EBUSY:
		a.notes.add(err.Error(), item.What)
		return nil
	}
	return fmt.Errorf("%s %s: %w", item.Does, item.What, err)
}

// leftAlone is a reason not to touch one file.
type leftAlone string

func (l leftAlone) Error() string { return string(l) }

// lookAgain opens the file's folder and compares the file with what was
// planned.
func (a *logApply) lookAgain(f *file) (dir int, st unix.Stat_t, err error) {
	return a.folders.look(f)
}

// same returns errChanged unless st is of the planned file, alone in its name.
func (f *file) same(st *unix.Stat_t) error {
	if idOf(st) != (fileID{f.in.id.disk, f.ino}) || st.Nlink != 1 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errChanged
	}
	return nil
}
