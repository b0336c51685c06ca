package remedy

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Folders opens planned folders again, beneath their roots, and keeps a few of
// them open. A plan's neighbours mostly share one.
type folders struct {
	roots map[string]*root
	open  map[*folder]int
	order []*folder // oldest first
}

// maxFolders is how many folders stay open.
const maxFolders = 64

// errChanged says that something is no longer what was planned.
var errChanged = errors.New(hasChanged)

// enter returns a descriptor of f, which stays f's until close. It is
// unix.ENOENT if f is gone, errChanged if another folder, a link or a mount has
// its name now.
func (o *folders) enter(f *folder) (int, error) {
	if fd, ok := o.open[f]; ok {
		return fd, nil
	}
	r, err := o.root(f.root)
	if err != nil {
		return -1, err
	}
	fd, err := openBeneath(r.fd, f.path, unix.O_RDONLY|unix.O_DIRECTORY)
	switch err {
	case nil:
	case unix.ELOOP, unix.ENOTDIR, unix.EXDEV:
		return -1, errChanged
	default:
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || idOf(&st) != f.id {
		unix.Close(fd)
		return -1, errChanged
	}
	if len(o.order) == maxFolders {
		unix.Close(o.open[o.order[0]])
		delete(o.open, o.order[0])
		o.order = o.order[1:]
	}
	if o.open == nil {
		o.open = make(map[*folder]int)
	}
	o.open[f] = fd
	o.order = append(o.order, f)
	return fd, nil
}

// look opens a planned file's folder and compares the file with what was planned.
func (o *folders) look(f *file) (dir int, st unix.Stat_t, err error) {
	if dir, err = o.enter(f.in); err != nil {
		return dir, st, err
	}
	if err = unix.Fstatat(dir, f.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return dir, st, err
	}
	return dir, st, f.same(&st)
}

func (o *folders) root(planned *root) (*root, error) {
	if r := o.roots[planned.path]; r != nil {
		return r, nil
	}
	r, err := openRoot(planned.kind, planned.path)
	if err != nil {
		return nil, err
	}
	if r.id != planned.id {
		unix.Close(r.fd)
		return nil, fmt.Errorf("%s %s is another folder than when it was planned", r.kind.name, printable(r.path))
	}
	if o.roots == nil {
		o.roots = make(map[string]*root)
	}
	o.roots[r.path] = r
	return r, nil
}

func (o *folders) close() {
	for _, fd := range o.open {
		unix.Close(fd)
	}
	for _, r := range o.roots {
		unix.Close(r.fd)
	}
}
