package remedy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// rotate asks journald for new files, where there is room for them, and looks
// whether it has begun them.
func (a *journalApply) rotate(ctx context.Context, item Item) error {
	f := &item.file
	dir, _, err := a.folders.look(f)
	if err == errChanged { // it has rotated by itself
		a.rotated = true
		return nil
	}
	if err != nil {
		return a.note(item, err)
	}
	files, err := countActive(dir)
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	if err := a.ask(ctx, rotation{dir, f.ino, files}); err != nil {
		return a.notRotated(err)
	}
	var began unix.Stat_t
	err = patiently(ctx, func() (bool, error) {
		err := unix.Fstatat(dir, f.name, &began, unix.AT_SYMLINK_NOFOLLOW)
		a.rotated = err == unix.ENOENT || err == nil && began.Ino != f.ino
		if err == unix.ENOENT {
			err = nil
		}
		return began.Ino != 0 && began.Ino != f.ino, err
	})
	switch {
	case err != nil:
		return fmt.Errorf("rotate: %w", err)
	case !a.rotated:
		a.notes.add("journald was asked to rotate and has not", "")
		return nil
	case began.Ino == 0 || began.Ino == f.ino:
		a.harm = append(a.harm, "harm: journald has rotated and not begun a new file: it may log nothing until there is more room")
	}
	a.meter.run.step(journalRotated)
	return nil
}

// notRotated tells a reason not to rotate from an error.
func (a *journalApply) notRotated(err error) error {
	if reason, ok := err.(leftAlone); ok {
		a.notes.add(string(reason), "")
		return nil
	}
	return fmt.Errorf("rotate: %w", err)
}

// ask asks journald to rotate, by varlink, or by a signal where it does not speak
// that (before version 246). leftAlone is that there is no room.
func (a *journalApply) ask(ctx context.Context, r rotation) error {
	if err := r.fits(keptFree); err != nil {
		return err
	}
	err := varlinkCall(ctx, a.node.JournalSocket, "io.systemd.Journal.Rotate")
	if err == nil || ctx.Err() != nil || !errors.Is(err, errNotSpoken) {
		return err
	}
	if err := r.fits(keptFreeOld); err != nil {
		return err
	}
	a.notes.add("journald was asked to rotate by a signal: "+err.Error(), "")
	return a.signal(ctx, r.ino)
}

// signal sends SIGUSR2, which is a request to rotate, to the one process that
// writes the file: root's, by journald's name, and not to be killed by it.
func (a *journalApply) signal(ctx context.Context, ino uint64) error {
	var sent []string
	buf := make([]byte, 64<<10)
	var names []dirent
	err := eachProcess(ctx, a.node.Proc, func(p process) (int, error) {
		writes := false
		n, err := p.openFiles(a.disk, buf, &names, func(fd string, found uint64) error {
			if found == ino {
				u := new(uses)
				err := p.use(u, a.node.Proc, fd, fileID{a.disk, ino})
				writes = writes || u.writers > 0
				return err
			}
			return nil
		})
		if err != nil || !writes {
			return n, err
		}
		if err := p.askToRotate(); err != nil {
			return n, fmt.Errorf("it writes the journal: %w", err)
		}
		sent = append(sent, p.String())
		return n, nil
	})
	if err == nil && len(sent) == 0 {
		err = errors.New("no process is seen to write the journal")
	}
	return err
}

// askToRotate sends SIGUSR2 to a process that is journald. The folder in procfs
// stands for the process itself: its number may be another's by now.
func (p process) askToRotate() error {
	fd, err := unix.Openat(p.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	comm, err := p.read("comm")
	if err != nil {
		return err
	}
	status, err := p.read("status")
	if err != nil {
		return err
	}
	if string(comm) != "systemd-journal\n" || !takesRotation(status) {
		return errors.New("it is not journald, or does not wait for the signal: it is not asked to rotate")
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGUSR2, nil, 0); err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	return nil
}

// takesRotation reads from /proc/PID/status whether a process is root's, and
// blocks SIGUSR2 to read it from a descriptor, as journald does, or catches it:
// any other would be killed by it. Masks are hexadecimal, the lowest bit is
// signal 1:
//
//	Uid:	0	0	0	0
//	SigBlk:	0000000000004a02
//	SigCgt:	0000000100000040
func takesRotation(status []byte) bool {
	const usr2 = 1 << (unix.SIGUSR2 - 1)
	root, takes := false, false
	for line := range bytes.Lines(status) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		value = bytes.TrimSpace(value)
		switch string(key) {
		case "Uid":
			root = string(value) == "0\t0\t0\t0"
		case "SigBlk", "SigCgt":
			mask, err := strconv.ParseUint(string(value), 16, 64)
			takes = takes || err == nil && mask&usr2 != 0
		}
	}
	return root && takes
}
