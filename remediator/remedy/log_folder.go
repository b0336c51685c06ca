package remedy

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

// maxLogs bounds how many logs one folder may hold before it is not taken for a
// container's: a kubelet keeps a handful.
const maxLogs = 4096

// A part is a rotated piece of a log: one file, or two while it is being
// compressed. Which of the two is whole and which one stays is for its runtime
// to know, so they are kept or go together.
type part struct {
	age   uint64
	files []file
}

// logs reads one container's folder. path is its path beneath the root, owner whose
// container it is.
func (w *walker) logs(ctx context.Context, r *root, parent int, e dirent, path string, owner podName, layout logLayout) error {
	fd, err := w.enter(parent, e, r.path+"/"+path[:len(path)-len(e.name)])
	if fd < 0 {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat %s: %w", printable(r.path+"/"+path), err)
	}
	return w.visit(ctx, fd, &folder{r, path, idOf(&st), owner}, layout)
}

// sort sorts the files of a container's folder into what may go and what is
// live.
func (w *walker) sort(ctx context.Context, fd int, in *folder, layout logLayout) error {
	path := in.root.path + "/" + in.path
	newest := make(map[string][]part) // of each log, Keep at most, newest first
	return w.each(ctx, fd, 2, path, func(e dirent) error {
		name, ok := layout(e.name)
		switch {
		case !ok:
			w.notes.add(notLog, printable(path+"/"+e.name))
			return nil
		case len(newest) > maxLogs:
			w.notes.add(fmt.Sprintf("more than %d logs in one folder", maxLogs), printable(path))
			return nil
		}
		f, reason := w.look(fd, in, e)
		switch {
		case reason == gone:
		case reason != "":
			w.notes.add(reason, printable(f.path()))
		case name.rotated:
			w.old(newest, name, f)
		case (w.Truncate || w.Reopen) && f.size >= int64(w.MinSize):
			f.frees.Inodes = 0
			w.live.add(f)
		}
		return nil
	})
}

// gone is look's reason for a file that is no more: nothing to say.
const gone = "gone"

// look reads what a file is, and why it is to be left alone.
func (w *walker) look(fd int, in *folder, e dirent) (f file, reason string) {
	f = file{in: in, name: e.name}
	if e.kind == unix.DT_LNK {
		return f, isLink
	}
	var st unix.Statx_t
	err := unix.Statx(fd, e.name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
	disk := node.Disk{Major: st.Dev_major, Minor: st.Dev_minor}
	switch {
	case err == unix.ENOENT:
		return f, gone
	case err != nil:
		return f, "stat: " + err.Error()
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return f, isLink
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return f, notRegular
	case st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0:
		return f, isMount
	case disk != w.disk:
		return f, fmt.Sprintf("lies on disk %s", disk)
	case st.Nlink != 1:
		return f, hardLinked
	}
	f.ino, f.size = st.Ino, int64(st.Size)
	f.frees = headroom.Amount{Bytes: int64(st.Blocks) * 512, Inodes: 1}
	return f, ""
}

// old keeps f if it is of the newest parts of its log; what it displaces, or
// else f itself, may go.
func (w *walker) old(newest map[string][]part, name logName, f file) {
	parts := newest[name.live]
	i, found := slices.BinarySearchFunc(parts, name.age, func(p part, age uint64) int {
		return cmp.Compare(age, p.age)
	})
	if found {
		parts[i].files = append(parts[i].files, f)
		return
	}
	parts = slices.Insert(parts, i, part{name.age, []file{f}})
	if len(parts) > w.Keep {
		for _, oldest := range parts[len(parts)-1].files {
			if w.held[oldest.ino] {
				w.notes.add(isHeld, printable(oldest.path()))
			} else {
				w.rotated.add(oldest)
			}
		}
		parts = parts[:len(parts)-1]
	}
	newest[name.live] = parts
}
