package remedy

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// A ballastStore is the folder in which ballast lies for one unit: pieces in the
// folder itself, empty files in one beneath.
type ballastStore struct {
	path string
	fd   int
	in   *folder
	unit headroom.Unit
	// By read: what is whole, last first, and what was being made when that was cut
	// short.
	pieces, unfinished []file
	notes              notes
}

// ballastInodes is the folder of empty files.
const ballastInodes = "inodes"

// unfinishedPiece ends the name of a piece while it is being written.
const unfinishedPiece = ".unfinished"

// folder is where the ballast for a unit lies.
func (s ballastSettings) folder(u headroom.Unit) string {
	if u == headroom.Inodes {
		return s.Path + "/" + ballastInodes
	}
	return s.Path
}

// open opens the folder for the need's unit. It is unix.ENOENT if it is not there,
// leftAlone if it lies on another disk. The caller closes the store.
func (b Ballast) open(need Need) (*ballastStore, error) {
	path := b.config().folder(need.Signal.Unit())
	fd, err := openTrustedFolder(path)
	if err != nil {
		return nil, err
	}
	return newBallastStore(fd, path, need)
}

// makeBallastStore makes the folder if it is missing. It is leftAlone where it is, or
// would be, on another disk.
func makeBallastStore(path string, need Need) (*ballastStore, error) {
	fd, err := makeTrustedFolder(path, need.Disk)
	if err != nil {
		return nil, err
	}
	return newBallastStore(fd, path, need)
}

func newBallastStore(fd int, path string, need Need) (*ballastStore, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("ballast %s: %w", path, err)
	}
	id := idOf(&st)
	if id.disk != need.Disk {
		unix.Close(fd)
		return nil, leftAlone(fmt.Sprintf("it lies on disk %s: nothing there helps disk %s", id.disk, need.Disk))
	}
	in := &folder{root: &root{path: filepath.Dir(path)}, path: filepath.Base(path), id: id}
	return &ballastStore{path: path, fd: fd, in: in, unit: need.Signal.Unit()}, nil
}

func (s *ballastStore) close() { unix.Close(s.fd) }

// ours reports whether a name is one that Ballast gives in this folder, and
// whether to something unfinished.
func (s *ballastStore) ours(name string) (ok, unfinished bool) {
	if s.unit == headroom.Inodes {
		n, ok := strings.CutPrefix(name, "spare-")
		return ok && len(n) == 5 && digits(n), false
	}
	n, ok := strings.CutPrefix(name, "piece-")
	n, unfinished = strings.CutSuffix(n, unfinishedPiece)
	return ok && len(n) == 2 && digits(n), unfinished
}

// pieceName is the name of the ith file.
func (s *ballastStore) pieceName(i int) string {
	if s.unit == headroom.Inodes {
		return fmt.Sprintf("spare-%05d", i)
	}
	return fmt.Sprintf("piece-%02d", i)
}

// read lists the folder.
func (s *ballastStore) read() error {
	fd, err := openBeneath(s.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("ballast %s: %w", s.path, err)
	}
	defer unix.Close(fd)
	var batch []dirent
	for buf := make([]byte, 64<<10); ; {
		if batch, err = readDir(fd, buf, batch[:0]); err != nil {
			return fmt.Errorf("ballast %s: read: %w", s.path, err)
		}
		if len(batch) == 0 {
			slices.SortFunc(s.pieces, func(a, b file) int { return strings.Compare(b.name, a.name) })
			return nil
		}
		for _, e := range batch {
			if len(s.pieces) < maxItems {
				s.look(e)
			}
		}
	}
}

// look sorts one name.
func (s *ballastStore) look(e dirent) {
	ok, unfinished := s.ours(e.name)
	if !ok {
		if e.name != ballastInodes {
			s.notes.add("not the name of a piece of ballast", printable(s.path+"/"+e.name))
		}
		return
	}
	var st unix.Stat_t
	if err := unix.Fstatat(s.fd, e.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return
	}
	f := file{in: s.in, name: e.name, ino: st.Ino, size: st.Size, frees: headroom.Amount{Bytes: st.Blocks * 512, Inodes: 1}}
	switch {
	case f.same(&st) != nil || st.Uid != 0:
		s.notes.add("not a regular file of root's with one link", printable(f.path()))
	case s.unit == headroom.Inodes && st.Size > 0:
		s.notes.add("not empty", printable(f.path()))
	case unfinished:
		s.unfinished = append(s.unfinished, f)
	default:
		s.pieces = append(s.pieces, f)
	}
}
