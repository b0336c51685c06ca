package remedy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// To make a log anew takes an inode, and perhaps a block of its folder, and
	// CRI-O's conmon ends if it cannot: this much must be free beforehand, of
	// which others may take some meanwhile.
	minInodes = 16
	minRoom   = 1 << 20

	// reopenTimeout bounds how long the runtime may take, which may be long where
	// the disk is busy. Once begun, a rename is carried to its end even if Apply is
	// told to stop.
	reopenTimeout = 30 * time.Second
	// appearTimeout is how long after that the new file may take to be there.
	appearTimeout = time.Second
)

// roomForLog returns why no file should be made on that filesystem, or "". One
// that counts no inodes has enough of them.
func roomForLog(st unix.Statfs_t) string {
	switch {
	case st.Type == 0:
		return "cannot tell how much room is left"
	case st.Files > 0 && st.Ffree < minInodes:
		return fmt.Sprintf("%d inodes are left, and a runtime that cannot make the new log may end its container", st.Ffree)
	case st.Bfree*uint64(st.Bsize) < minRoom:
		return fmt.Sprintf("%d bytes are left, and a runtime that cannot make the new log may end its container", st.Bfree*uint64(st.Bsize))
	}
	return ""
}

// rotate renames a live log as the kubelet would, has the runtime make it anew,
// and removes the old file as soon as nobody needs it. The kubelet may rotate
// the same log at any moment: a file is known by its inode, no name is ever
// overwritten, and what was renamed in error gets its name back.
func (a *logApply) rotate(ctx context.Context, item Item, rest []Item) error {
	if a.node.Runtime == nil {
		return leftAlone("there is no container runtime to ask")
	}
	f := &item.file
	if err := stillLogs(ctx, a.node.Runtime, item.id, f); err != nil {
		return leftAlone(err.Error())
	}
	if a.uses[f.ino] == nil {
		if err := a.scan(ctx, rest); err != nil {
			return err
		}
	}
	dir, st, err := a.lookAgain(f)
	if err != nil {
		return err
	}
	u := a.uses[f.ino]
	u.refresh()
	if reason := u.forbidReopen(st.Size); reason != "" {
		return leftAlone(reason)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(dir, &fs); err != nil {
		return err
	}
	if reason := roomForLog(fs); reason != "" {
		return leftAlone(reason)
	}
	old := *f
	if old.name, err = renameLog(dir, f.name, time.Now()); err != nil {
		return err
	}
	a.meter.run.step(logRenamed)
	if err := a.reopen(ctx, dir, f, old.name, item); err != nil {
		return err
	}
	a.meter.run.step(logReopened)
	a.rotated = append(a.rotated, &rotated{item: item, file: old})
	return a.settle(ctx, rest[1:], shortWait)
}

// renameLog gives a log a name by the kubelet's pattern that was not taken, and
// returns it. The kubelet overwrites what has the name it chooses, which is the
// present second's: so the name is of one before.
func renameLog(dir int, name string, now time.Time) (string, error) {
	for i := 1; ; i++ {
		to := name + "." + now.Add(-time.Duration(i)*time.Second).Format("20060102-150405")
		err := renameNew(dir, name, to)
		switch {
		case err == unix.EEXIST && i < 10:
			continue
		case err == unix.EEXIST:
			return "", leftAlone("it was rotated ten times within as many seconds")
		case err == unix.EINVAL, err == unix.ENOSYS:
			return "", leftAlone("this filesystem cannot rename without overwriting")
		case err == unix.ENOSPC, err == unix.EDQUOT, err == unix.EROFS:
			return "", leftAlone("rename: " + err.Error())
		}
		return to, err
	}
}

// renameNew renames within a folder and overwrites nothing.
func renameNew(dir int, from, to string) error {
	for {
		if err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE); err != unix.EINTR {
			return err
		}
	}
}

// reopen has the runtime make the renamed log f anew, or gives it its name back. A
// runtime that does not answer may do it yet, and CRI-O would put the new log in the
// place of the old one that has its name again: then the name stays free.
func (a *logApply) reopen(ctx context.Context, dir int, f *file, old string, item Item) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, old, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil || st.Ino != f.ino {
		// Somebody else rotated it between the last look and the rename.
		return a.undo(dir, f.name, old, item, hasChanged)
	}
	switch err := makeAnew(ctx, a.node.Runtime, dir, f.name, item.id, st.Ino); {
	case err == nil:
		return nil
	case mayComeYet(err), errors.Is(err, errNoNewLog): // CRI-O's conmon may be writing the old one to the disk still
		return fmt.Errorf("%w: it is called %s: %w", ErrHalfDone, printable(old), err)
	default:
		return a.undo(dir, f.name, old, item, err.Error())
	}
}

// mayComeYet reports whether a call that failed so may still have its effect: whoever
// was asked said nothing, or its connection was lost, be it that it was restarted or
// that we end.
func mayComeYet(err error) bool {
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Canceled, codes.Unavailable:
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

var errNoNewLog = errors.New("reopen the log: the runtime said that it had, and there is none")

// makeAnew has the runtime create a log that has been renamed, unless somebody
// has already: CRI-O overwrites what is there. was is the old file's inode.
func makeAnew(ctx context.Context, r Containers, dir int, name, id string, was uint64) error {
	if isAnew(dir, name, was) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reopenTimeout)
	defer cancel()
	if err := r.ReopenLog(ctx, id); err != nil && !isAnew(dir, name, was) {
		return fmt.Errorf("reopen the log: %w", err)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if isAnew(dir, name, was) {
			return nil
		}
		if time.Since(began) > appearTimeout {
			return errNoNewLog
		}
	}
}

// isAnew reports whether name is a regular file other than the one with that
// inode.
func isAnew(dir int, name string, was uint64) bool {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Ino != was && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// undo gives a renamed log its name back, if nobody has taken it, and returns
// why as a reason to leave it alone.
func (a *logApply) undo(dir int, name, old string, item Item, why string) error {
	switch err := renameNew(dir, old, name); err {
	case nil, unix.ENOENT:
	case unix.EEXIST:
		a.harm = append(a.harm, fmt.Sprintf("%s has been made anew by somebody else; the older one stays beside it as %s", item.What, printable(old)))
	default:
		a.harm = append(a.harm, fmt.Sprintf("harm: %s is called %s and could not get its name back: %v", item.What, printable(old), err))
	}
	return leftAlone(why)
}
