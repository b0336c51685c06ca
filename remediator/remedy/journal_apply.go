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
	rotated := journalFile(f.name).kind == active
	if rotated {
		if err := a.follow(ctx, &f); err != nil {
			return err
		}
	}
	dir, st, err := a.folders.look(&f)
	if err != nil {
		return err
	}
	u := a.uses[f.ino]
	switch {
	case u.unclear != "":
		return leftAlone("cannot tell: " + u.unclear)
	case u.writers > 0 && !rotated:
		return leftAlone(isWritten)
	}
	if err := finished(dir, f.name, rotated); err != nil {
		return err
	}
	// What only journald holds, it will read no more.
	return a.unlink(dir, &f, &st, item, u.writers > 0 && len(u.readers) <= u.writers)
}

// finished is leftAlone unless a file is one that journald has finished, or set
// aside. One that has just been rotated it may hold open until the next time: so
// its header must say that it will write no more.
func finished(dir int, name string, rotated bool) error {
	kind := journalFile(name).kind
	if kind == disposed {
		return nil
	}
	header, ok, err := readJournalHeader(dir, name)
	switch {
	case err != nil:
		return err
	case !ok:
		return leftAlone(notJournal)
	case kind != archived:
		return leftAlone(notArchive)
	case header.state == stateOnline, rotated && header.state != stateArchived:
		return leftAlone(isOnline)
	}
	return nil
}

// unlink removes a file. If only journald holds it open, its blocks are given back
// all the same, by a hole of its size: journald maps it, and a truncation would
// kill it. Readers keep what they have not read yet: a hole would end them with
// an error.
func (a *journalApply) unlink(dir int, f *file, st *unix.Stat_t, item Item, idle bool) error {
	fd := -1
	if idle {
		var err error
		if fd, err = openBeneath(dir, f.name, unix.O_RDWR|unix.O_NONBLOCK); err != nil {
			return err
		}
		defer unix.Close(fd)
		var opened unix.Stat_t
		if err := unix.Fstat(fd, &opened); err != nil {
			return err
		}
		if err := f.same(&opened); err != nil {
			return err
		}
	}
	if err := unix.Unlinkat(dir, f.name, 0); err != nil {
		return err
	}
	freed := headroom.Amount{Bytes: st.Blocks * 512, Inodes: 1}
	if idle {
		freed.Bytes = punch(fd, st)
	}
	a.meter.removed(item, freed)
	a.meter.run.step(journalRemoved)
	return nil
}

// punch gives back the blocks of a file that has no name any more, and returns
// how many bytes those were.
func punch(fd int, before *unix.Stat_t) int64 {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Nlink != 0 || st.Size == 0 {
		return 0
	}
	if unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, st.Size) != nil || unix.Fstat(fd, &st) != nil {
		return 0
	}
	return max(0, before.Blocks-st.Blocks) * 512
}

const notArchive = "it is no archive"

// follow finds the name that a rotation has given to a file which was written,
// once journald has finished it.
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
		return ok && header.state == stateArchived, err
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
