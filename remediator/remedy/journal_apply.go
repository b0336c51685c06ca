package remedy

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// Apply looks once more at who uses the files, and at each by identity and
// header right before it goes. Removing creates nothing, so it works on a disk
// that is full; a rotation that would not is left out.
func (j JournalVacuum) Apply(ctx context.Context, n Node, plan Plan, run Run) ([]string, error) {
	a := journalApply{
		logApply: logApply{node: n, disk: plan.need.Disk, meter: meter{run: run, unit: plan.need.Signal.Unit()}},
		uses:     make(map[uint64]*uses),
	}
	defer a.folders.close()
	err := a.apply(ctx, plan.Items)
	return append(a.harm, a.notes.list()...), err
}

// A journalApply is one run of JournalVacuum.Apply.
type journalApply struct {
	logApply
	uses    map[uint64]*uses // of the files planned, by the latest look
	rotated bool
}

func (a *journalApply) apply(ctx context.Context, items []Item) error {
	for i, item := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		if enough, err := a.meter.enough(ctx); enough || err != nil {
			return err
		}
		if i == 0 || a.rotated && items[i-1].Does == Rotate {
			if err := a.lookAround(ctx, items[i:]); err != nil {
				return err
			}
		}
		if item.Does == Rotate {
			if err := a.rotate(ctx, item); err != nil || !a.rotated {
				return err // what comes after it is not to be removed without
			}
			continue
		}
		if err := a.note(item, a.remove(ctx, item)); err != nil {
			return err
		}
	}
	return nil
}

// lookAround sees who uses the files of items.
func (a *journalApply) lookAround(ctx context.Context, items []Item) error {
	clear(a.uses)
	for _, item := range items {
		a.uses[item.file.ino] = new(uses)
	}
	return findUses(ctx, a.node.Proc, a.disk, a.uses)
}

// remove unlinks one archive.
func (a *journalApply) remove(ctx context.Context, item Item) error {
	f := item.file
	if journalFile(f.name).kind == active {
		if err := a.follow(ctx, &f); err != nil {
			return err
		}
	}
	dir, st, err := a.folders.look(&f)
	if err != nil {
		return err
	}
	if u := a.uses[f.ino]; u.unclear != "" {
		return leftAlone("cannot tell: " + u.unclear)
	} else if u.writers > 0 {
		return leftAlone(isWritten)
	}
	switch kind := journalFile(f.name).kind; kind {
	case archived:
		header, ok, err := readJournalHeader(dir, f.name)
		switch {
		case err != nil:
			return err
		case !ok:
			return leftAlone(notJournal)
		case header.online:
			return leftAlone(isOnline)
		}
	case disposed:
	default:
		return leftAlone(notArchive)
	}
	if err := unix.Unlinkat(dir, f.name, 0); err != nil {
		return err
	}
	a.meter.removed(item, headroom.Amount{Bytes: st.Blocks * 512, Inodes: 1})
	a.meter.run.step(journalRemoved)
	return nil
}

const notArchive = "it is no archive"

// follow finds the name that a rotation has given to a file which was written,
// once journald is done with it.
func (a *journalApply) follow(ctx context.Context, f *file) error {
	dir, err := a.folders.enter(f.in)
	if err != nil {
		return err
	}
	if f.name, err = archiveOf(dir, f.ino); err != nil {
		return err
	}
	return patiently(ctx, func() (bool, error) {
		header, ok, err := readJournalHeader(dir, f.name)
		if err != nil || !ok || header.online {
			return false, err
		}
		u := new(uses)
		err = findUses(ctx, a.node.Proc, a.disk, map[uint64]*uses{f.ino: u})
		a.uses[f.ino] = u
		return u.writers == 0, err
	})
}

// archiveOf finds the archive with that inode in a folder. It is unix.ENOENT if
// there is none: it is another's to remove, or was never rotated.
func archiveOf(dir int, ino uint64) (string, error) {
	fd, err := openBeneath(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY) // to read from its beginning
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var batch []dirent
	for buf := make([]byte, 16<<10); ; {
		if batch, err = readDir(fd, buf, batch[:0]); err != nil {
			return "", err
		}
		if len(batch) == 0 {
			return "", unix.ENOENT
		}
		for _, e := range batch {
			if e.ino == ino && journalFile(e.name).kind == archived {
				return e.name, nil
			}
		}
	}
}

// patience is how long journald may take for what it does beside its work.
const patience = 10 * time.Second

// patiently waits until done says so, or for as long as patience lasts: then it
// is for the next look to say what is wrong.
func patiently(ctx context.Context, done func() (bool, error)) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}
