package remedy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

// finishPause is how long a kubelet may need between the rename and the reopen
// of its own rotation.
const finishPause = time.Second

// Finish looks for logs that were renamed and not made anew, as a kill between
// the two leaves them: a container's folder without its live log, while a
// process still writes the rotated one. The runtime is told to make the log
// anew; where it cannot be, the file gets its name back. Nothing is removed.
func (l LogReclaim) Finish(ctx context.Context, n Node) ([]string, error) {
	var notes notes
	found, err := renamedLogs(ctx, n, &notes)
	if err != nil || len(found) == 0 {
		return notes.list(), err
	}
	select { // it may be the kubelet that is just rotating
	case <-ctx.Done():
		return notes.list(), ctx.Err()
	case <-time.After(finishPause):
	}
	if found, err = renamedLogs(ctx, n, &notes); err != nil {
		return notes.list(), err
	}
	var folders folders
	defer folders.close()
	var said []string
	var failed []error
	for _, h := range found {
		what, err := h.finish(ctx, n, &folders)
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("finish %s: %w", printable(h.file.path()), err))
		case what != "":
			said = append(said, fmt.Sprintf("%s %s", printable(h.file.path()), what))
		}
	}
	return append(said, notes.list()...), errors.Join(failed...)
}

// A renamedLog is a rotated file that is written, of a log that is not there.
type renamedLog struct {
	file file
	live string
}

// renamedLogs finds them beneath all roots.
func renamedLogs(ctx context.Context, n Node, notes *notes) ([]renamedLog, error) {
	var found []renamedLog
	err := eachRoot(n.LogRoots, notes, func(path string, w *walker) error {
		var here []renamedLog
		w.visit = func(ctx context.Context, fd int, in *folder, layout logLayout) error {
			logs, err := w.withoutLive(ctx, fd, in, layout)
			here = append(here, logs...)
			return err
		}
		err := w.walkRoot(ctx, path)
		if err == nil {
			here, err = written(ctx, n.Proc, w.disk, here)
		}
		found = append(found, here...)
		return err
	})
	return found, err
}

// eachRoot calls do with a walker for every root that can be opened, whatever
// disk it is on.
func eachRoot(paths []string, notes *notes, do func(path string, w *walker) error) error {
	for _, path := range paths {
		r, err := openRoot(logRoot, path)
		if err != nil {
			notes.add(err.Error(), "")
			continue
		}
		unix.Close(r.fd)
		if err := do(path, newWalker(logSettings{}, Need{Disk: r.id.disk}, nil)); err != nil {
			return err
		}
	}
	return nil
}

// withoutLive returns the rotated files in a folder whose live log is missing.
// Those that are compressed nobody writes, and Docker's are not renamed here.
func (w *walker) withoutLive(ctx context.Context, fd int, in *folder, layout logLayout) ([]renamedLog, error) {
	if !strings.Contains(in.path, "/") {
		return nil, nil
	}
	var logs []renamedLog
	live := make(map[string]bool)
	err := w.each(ctx, fd, 2, in.root.path+"/"+in.path, func(e dirent) error {
		name, ok := layout(e.name)
		if !ok || len(logs) > maxLogs {
			return nil
		}
		live[name.live] = live[name.live] || !name.rotated
		if name.rotated && !strings.HasSuffix(e.name, ".gz") {
			if f, reason := w.look(fd, in, e); reason == "" {
				logs = append(logs, renamedLog{f, name.live})
			}
		}
		return nil
	})
	return slices.DeleteFunc(logs, func(h renamedLog) bool { return live[h.live] }), err
}

// written keeps those that a process has open for writing.
func written(ctx context.Context, proc string, disk node.Disk, logs []renamedLog) ([]renamedLog, error) {
	if len(logs) == 0 {
		return nil, nil
	}
	users := make(map[uint64]*uses, len(logs))
	for _, h := range logs {
		users[h.file.ino] = new(uses)
	}
	if err := findUses(ctx, proc, disk, users); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(logs, func(h renamedLog) bool { return users[h.file.ino].writers == 0 }), nil
}

// finish makes the log anew or gives the file its name back, and says which. While
// the runtime does not answer it does neither: what it was told before it may do
// yet. One that says yes once more and makes none will make none. Nothing is lost
// meanwhile, and a kubelet has a log made anew that is not there.
func (h renamedLog) finish(ctx context.Context, n Node, folders *folders) (string, error) {
	dir, err := folders.enter(h.file.in)
	if err != nil {
		return "", ignoreGone(err)
	}
	live := h.file
	live.name = h.live
	why := anew(ctx, n.Runtime, dir, &live)
	if why == nil {
		return "had been renamed and was not made anew: its log is there again", nil
	}
	if mayComeYet(why) {
		return "", why
	}
	switch err := renameNew(dir, h.file.name, h.live); err {
	case nil:
		return fmt.Sprintf("had been renamed and could not be made anew (%v): it has its name again", why), nil
	case unix.EEXIST:
		return "", nil // somebody else has made it
	default:
		return "", ignoreGone(err)
	}
}

// anew has the runtime make a log anew that its container writes by another name.
func anew(ctx context.Context, r Containers, dir int, live *file) error {
	if r == nil {
		return leftAlone(noRuntime)
	}
	owners, err := logOwners(ctx, r)
	if err != nil {
		return err
	}
	id, err := owners.of(ctx, live)
	if err != nil {
		return err
	}
	return makeAnew(ctx, r, dir, live.name, id, live.ino)
}

// ignoreGone drops the error of what is no more.
func ignoreGone(err error) error {
	if err == unix.ENOENT {
		return nil
	}
	return err
}
