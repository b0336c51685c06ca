package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

// Bounds of a walk. A node's logs and emptyDirs are some thousand files; where
// they are millions, what was counted until then is shown as such.
const (
	walkTime    = 5 * time.Second
	walkEntries = 1 << 20
	walkDepth   = 64 // each level keeps a directory open
)

// A walker counts what containers' logs and pods' emptyDirs take on disk, without
// a kubelet. Folders that pods can shape are gone down one name at a time from an
// open directory, so that no link leads elsewhere; links are not followed, and
// other filesystems (an emptyDir in memory) not entered.
type walker struct {
	ctx     context.Context
	roles   map[node.Disk]headroom.Filesystem
	entries int
	pods    map[string]pod // by UID, as the names of log folders tell
	found   []headroom.Consumer
	errs    []error
}

// usage is what a tree takes: blocks, and inodes with its own.
type usage struct{ bytes, inodes int64 }

// tree counts what is below dir on one device, each inode once.
func (w *walker) tree(dir *os.File, device uint64, u *usage, linked map[uint64]bool, depth int) {
	w.each(dir, func(name string, st *unix.Stat_t) {
		folder := st.Mode&unix.S_IFMT == unix.S_IFDIR
		if st.Dev != device || linked[st.Ino] {
			return
		}
		if st.Nlink > 1 && !folder {
			linked[st.Ino] = true
		}
		u.bytes += st.Blocks * 512
		u.inodes++
		if !folder {
			return
		}
		if depth == walkDepth {
			w.fail(dir.Name(), fmt.Errorf("not counted below %d folders", walkDepth))
			return
		}
		if below := w.descend(dir, name); below != nil {
			w.tree(below, device, u, linked, depth+1)
			below.Close()
		}
	})
}

// folders calls f with each folder in dir, and closes it.
func (w *walker) folders(dir *os.File, f func(name string, dir *os.File)) {
	w.each(dir, func(name string, st *unix.Stat_t) {
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return
		}
		if below := w.descend(dir, name); below != nil {
			f(name, below)
			below.Close()
		}
	})
}

// each calls f with everything in dir, until a bound is met.
func (w *walker) each(dir *os.File, f func(name string, st *unix.Stat_t)) {
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if !w.goesOn() {
				return
			}
			var st unix.Stat_t
			if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				w.fail(filepath.Join(dir.Name(), name), err)
				continue
			}
			f(name, &st)
		}
		if err != nil {
			if err != io.EOF {
				w.fail(dir.Name(), err)
			}
			return
		}
	}
}

// goesOn counts an entry, and reports whether it may be looked at.
func (w *walker) goesOn() bool {
	w.entries++
	switch {
	case w.entries == walkEntries:
		w.fail("", fmt.Errorf("incomplete: there are more than %d files", walkEntries))
	case w.entries < walkEntries && w.ctx.Err() != nil:
		w.entries = walkEntries
		w.fail("", fmt.Errorf("incomplete: stopped after %s", walkTime))
	}
	return w.entries < walkEntries
}

// open opens a folder that an administrator named.
func (w *walker) open(folder string) *os.File {
	f, err := os.Open(folder)
	if err != nil {
		w.fail("", err)
		return nil
	}
	return f
}

// descend opens a folder in dir, and nothing else of that name.
func (w *walker) descend(dir *os.File, name string) *os.File {
	path := filepath.Join(dir.Name(), name)
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		w.fail(path, err)
		return nil
	}
	return os.NewFile(uintptr(fd), path)
}

// maxErrors is how many reasons are given for what was not counted.
const maxErrors = 3

// fail notes why something is not counted. What is not there, gone meanwhile or
// another thing than a folder is not missing.
func (w *walker) fail(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || len(w.errs) >= maxErrors {
		return
	}
	if path != "" {
		err = fmt.Errorf("%s: %w", path, err)
	}
	w.errs = append(w.errs, err)
}
