package remedy

import (
	"context"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// logsOf returns the files that only that container has as its log, or why one of
// them is needed.
func (a *pruneApply) logsOf(ctx context.Context, c runtime.Container, h history, item Item) ([]file, error) {
	if item.file.in == nil {
		return nil, nil
	}
	found := make(logsByName)
	w := newWalker(logSettings{}, Need{Disk: item.file.in.id.disk}, nil)
	dir, err := a.folders.enter(item.file.in)
	switch err {
	case nil:
	case unix.ENOENT, errChanged:
		return nil, nil
	default:
		return nil, err
	}
	again, err := openBeneath(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY) // to be read from its beginning
	if err != nil {
		return nil, err
	}
	defer unix.Close(again)
	if err := w.gather(ctx, again, item.file.in, kubeletLog, found); err != nil {
		return nil, err
	}
	logs := found.of(c, h)
	if logs == nil {
		return nil, nil
	}
	if logs.needed != "" {
		return nil, leftAlone(logs.needed)
	}
	users, err := a.usersOf(ctx, logs.files)
	if err != nil {
		return nil, err
	}
	for _, f := range logs.files {
		if reason := users[f.ino].forbidRemoval(f.size); reason != "" {
			return nil, leftAlone("its log is needed: " + reason)
		}
	}
	return logs.files, nil
}

func (a *pruneApply) usersOf(ctx context.Context, files []file) (map[uint64]*uses, error) {
	users := make(map[uint64]*uses, len(files))
	for _, f := range files {
		users[f.ino] = new(uses)
	}
	if len(files) == 0 {
		return users, nil
	}
	return users, findUses(ctx, a.node.Proc, files[0].in.id.disk, users)
}

// orphan removes a log whose container is gone.
func (a *pruneApply) orphan(ctx context.Context, item Item) error {
	users, err := a.usersOf(ctx, []file{item.file})
	if err != nil {
		return err
	}
	return a.dropLog(item, &item.file, users[item.file.ino])
}

// dropLog removes a log that nobody needs.
func (a *pruneApply) dropLog(item Item, f *file, u *uses) error {
	freed, reason, err := a.drop(f, u)
	if err != nil {
		return err
	}
	if reason != "" {
		return leftAlone(reason)
	}
	if f.in.id.disk != a.disk {
		freed = headroom.Amount{}
	}
	a.meter.removed(item, freed)
	a.meter.run.step(pruneLog)
	return nil
}
