package remedy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

// A walker reads log roots and sorts what it finds into what may go, what may
// be truncated and what is left alone.
type walker struct {
	logSettings
	disk    node.Disk
	held    map[uint64]bool // inodes on disk that are open somewhere
	rotated *harvest
	live    *harvest
	notes   notes
	roots   []fileID
	buffers [3][]byte // one per level: root, pod, container
	batches [3][]dirent
	// visit is what is done in a container's folder.
	visit func(ctx context.Context, fd int, in *folder, layout logLayout) error
	// spared says why a pod itself wants its logs left alone, or "".
	spared func(podName) string
}

func newWalker(s logSettings, need Need, held map[uint64]bool) *walker {
	w := &walker{logSettings: s, disk: need.Disk, held: held}
	w.visit, w.spared = w.sort, func(podName) string { return "" }
	w.rotated = &harvest{unit: need.Signal.Unit(), need: need.Amount, most: maxItems}
	// Who may be truncated is known only once all are: no need bounds them yet.
	w.live = &harvest{unit: headroom.Bytes, need: 1<<63 - 1, most: maxItems}
	if need.Signal.Unit() != headroom.Bytes {
		w.Truncate, w.Reopen = false, false
	}
	for i := range w.buffers {
		w.buffers[i] = make([]byte, 64<<10)
	}
	return w
}

// walkRoots reads every root that can be read. It is an error if there are any and
// none can; one that does not exist is a machine's without such logs, and empty.
func (w *walker) walkRoots(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		w.notes.add("no log root: name the folder of container logs with --path.logs", "")
	}
	var failed []error
	for _, path := range paths {
		err := w.walkRoot(ctx, path)
		if ctx.Err() != nil || errors.Is(err, errNoOpenat2) {
			return err
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
		w.notes.add(err.Error(), "")
	}
	if len(failed) > 0 && len(failed) == len(paths) {
		return errors.Join(failed...)
	}
	return nil
}

// enterRoot opens a root that has not been walked yet and helps the disk in need.
// It is nil for any other. The caller closes its fd.
func (w *walker) enterRoot(kind *rootKind, path string) (*root, error) {
	r, err := openRoot(kind, path)
	if err != nil {
		return nil, err
	}
	switch {
	case r.id.disk != w.disk:
		w.notes.add(fmt.Sprintf("%s %s lies on disk %s: nothing there helps disk %s", kind.name, printable(r.path), r.id.disk, w.disk), "")
	case !slices.Contains(w.roots, r.id):
		w.roots = append(w.roots, r.id)
		return r, nil
	}
	unix.Close(r.fd)
	return nil, nil
}

func (w *walker) walkRoot(ctx context.Context, path string) error {
	r, err := w.enterRoot(logRoot, path)
	if r == nil {
		return err
	}
	defer unix.Close(r.fd)
	return w.each(ctx, r.fd, 0, r.path, func(e dirent) error {
		pod, ok := podFolder(e.name)
		switch {
		case ok && w.exempt(pod) != "":
			w.notes.add(w.exempt(pod), printable(r.path+"/"+e.name))
		case ok:
			return w.pod(ctx, r, e, pod)
		case dockerFolder(e.name):
			return w.docker(ctx, r, e)
		default:
			w.notes.add("not the name of a container's log folder", printable(r.path+"/"+e.name))
		}
		return nil
	})
}

// exempt says why the logs of a pod are to be left alone, or "".
func (w *walker) exempt(pod podName) string {
	if slices.Contains(w.ExcludeNamespaces, pod.namespace) {
		return "excludeNamespaces names " + pod.namespace
	}
	return w.spared(pod)
}

// pod reads the folders of a pod's containers.
func (w *walker) pod(ctx context.Context, r *root, e dirent, owner podName) error {
	fd, err := w.enter(r.fd, e, r.path)
	if fd < 0 {
		return err
	}
	defer unix.Close(fd)
	return w.each(ctx, fd, 1, r.path+"/"+e.name, func(c dirent) error {
		switch {
		case c.name == apiServer:
			w.notes.add(mayBeAudit, printable(r.path+"/"+e.name+"/"+c.name))
			return nil
		case !containerFolder(c.name):
			w.notes.add("not the name of a container's log folder", printable(r.path+"/"+e.name+"/"+c.name))
			return nil
		}
		return w.logs(ctx, r, fd, c, e.name+"/"+c.name, owner, kubeletLog)
	})
}

// enter opens a folder, or returns -1 if it is gone or to be left alone.
func (w *walker) enter(parent int, e dirent, path string) (int, error) {
	what := printable(path + "/" + e.name)
	if reason := notFolder[e.kind]; reason != "" {
		w.notes.add(reason, what)
		return -1, nil
	}
	fd, err := openBeneath(parent, e.name, unix.O_RDONLY|unix.O_DIRECTORY)
	switch err {
	case nil:
		return fd, nil
	case unix.ENOENT:
	case unix.EXDEV:
		w.notes.add(isMount, what)
	case unix.ELOOP, unix.ENOTDIR:
		w.notes.add("a symbolic link or no folder", what)
	case errNoOpenat2, unix.EPERM: // a folder is never refused with EPERM but by seccomp
		return -1, errNoOpenat2
	default:
		w.notes.add("open: "+err.Error(), what)
	}
	return -1, nil
}

// notFolder says why a name of that type is not entered.
var notFolder = map[uint8]string{
	unix.DT_LNK: isLink, unix.DT_REG: notLog, unix.DT_FIFO: notRegular, unix.DT_SOCK: notRegular, unix.DT_CHR: notRegular, unix.DT_BLK: notRegular,
}

// Reasons to leave something alone.
const (
	isLink     = "a symbolic link"
	isMount    = "something is mounted there"
	notLog     = "not a container log"
	notRegular = "not a regular file"
	hardLinked = "has other hard links: removing it frees nothing, truncating it destroys another file"
	isHeld     = "a process holds it open"
	hasChanged = "it changed since it was planned"
	mayBeAudit = "an API server may write its audit log there"
)

// each calls do for the names in a folder, a batch at a time in the order of
// their inodes, which is that of the disk.
func (w *walker) each(ctx context.Context, fd, level int, path string, do func(dirent) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, err := readDir(fd, w.buffers[level], w.batches[level][:0])
		if err == unix.ENOENT || err == nil && len(batch) == 0 {
			return nil
		}
		if err != nil && level > 0 { // what is broken must not keep the rest from being freed
			w.notes.add("read: "+err.Error(), printable(path))
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", printable(path), err)
		}
		w.batches[level] = batch
		slices.SortFunc(batch, func(a, b dirent) int {
			if a.ino < b.ino {
				return -1
			}
			return 1
		})
		for _, e := range batch {
			if err := do(e); err != nil {
				return err
			}
		}
	}
}
