package kubelet

import (
	"fmt"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// A view is the filesystem as a process has it before it, and what was read of
// it. Paths are the process's: they begin at its root and, if relative, at its
// working directory; links are followed as it would follow them.
//
// To look through another's eyes takes CAP_SYS_PTRACE, or the same user and no
// more capabilities. Without it absolute paths are looked up where we are
// ourselves, which is right as long as what the kubelet reads is mounted here
// under the same name.
type view struct {
	process string // its folder in a procfs
	read    []namedFile
	size    int // of what was read, in bytes
}

// maxTotal bounds what is read altogether, in bytes.
const maxTotal = 4 * maxSize

// file reads a file that is regular and not too long, and remembers it. As the
// kubelet it takes a/../b for b, whatever a is.
func (v *view) file(name string) ([]byte, error) {
	name = path.Clean(name)
	fd, _, err := v.open(name, unix.S_IFREG, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	data, err := readAll(f, name)
	if err != nil {
		return nil, err
	}
	if v.size += len(data); v.size > maxTotal {
		return nil, fmt.Errorf("%s: the files together are longer than %d bytes", name, maxTotal)
	}
	v.read = append(v.read, namedFile{name, data})
	return data, nil
}

// dropins reads what a kubelet takes from --config-dir: of the folder and those
// below the files that end in .conf, in the order of filepath.WalkDir. Links are
// followed to files, not to folders, and the folder itself is no exception.
func (v *view) dropins(name string) ([]namedFile, error) {
	kind, err := v.kind(name)
	if err != nil {
		return nil, fmt.Errorf("--config-dir: %w", err)
	}
	before := len(v.read)
	if err := v.walk(name, kind); err != nil {
		return nil, fmt.Errorf("--config-dir: %w", err)
	}
	return v.read[before:], nil
}

func (v *view) walk(name string, kind uint32) error {
	if kind != unix.S_IFDIR {
		if path.Ext(path.Base(name)) != ".conf" {
			return nil
		}
		_, err := v.file(name)
		return err
	}
	names, err := v.names(name)
	if err != nil {
		return err
	}
	for _, below := range names {
		below = path.Join(name, below)
		kind, err := v.kind(below)
		if err != nil {
			return err
		}
		if err := v.walk(below, kind); err != nil {
			return err
		}
	}
	return nil
}

// names lists a folder, sorted.
func (v *view) names(name string) ([]string, error) {
	fd, _, err := v.open(name, unix.S_IFDIR, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// kind says what a name is the name of, a link for example.
func (v *view) kind(name string) (uint32, error) {
	fd, kind, err := v.open(name, 0, unix.O_NOFOLLOW)
	if err != nil {
		return 0, err
	}
	unix.Close(fd)
	return kind, nil
}
