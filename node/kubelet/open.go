package kubelet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// open opens what is of the wanted kind, and anything without reading it where
// that is 0. Nothing else is opened: that alone can hang, or set off a watchdog.
func (v *view) open(name string, wanted uint32, flags int) (fd int, kind uint32, err error) {
	handle, err := v.find(name, flags)
	if err != nil {
		return -1, 0, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	var stat unix.Stat_t
	if err := unix.Fstat(handle, &stat); err != nil {
		unix.Close(handle)
		return -1, 0, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	kind = stat.Mode & unix.S_IFMT
	if wanted == 0 {
		return handle, kind, nil
	}
	defer unix.Close(handle)
	if kind != wanted {
		return -1, 0, fmt.Errorf("%s: is %s", name, kinds[kind])
	}
	fd, err = unix.Open("/proc/self/fd/"+strconv.Itoa(handle), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, 0, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, kind, nil
}

// find returns a handle of what name means to the process.
func (v *view) find(name string, flags int) (int, error) {
	flags |= unix.O_PATH | unix.O_CLOEXEC
	if !path.IsAbs(name) {
		dir, err := os.Readlink(filepath.Join(v.process, "cwd"))
		if err != nil {
			return -1, fmt.Errorf("the path is relative, and where from is not to be seen: %w", err)
		}
		name = dir + "/" + name
	}
	root, err := unix.Open(filepath.Join(v.process, "root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		fd, err := unix.Open(name, flags, 0)
		if err != nil {
			// Not %w: what is not here may well be there.
			return -1, fmt.Errorf("%v here, and to look where the kubelet is takes CAP_SYS_PTRACE: mount it under the same path", err)
		}
		return fd, nil
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for range 10 { // it may have to be asked again when something is renamed meanwhile
		fd, err := unix.Openat2(root, name, &how)
		switch err {
		case unix.EAGAIN, unix.EINTR:
			continue
		case unix.ENOSYS, unix.EPERM: // before Linux 5.6, or forbidden to containers
			return unix.Open(filepath.Join(v.process, "root")+"/"+strings.TrimLeft(name, "/"), flags, 0)
		}
		return fd, err
	}
	return -1, unix.EAGAIN
}

var kinds = map[uint32]string{
	unix.S_IFREG:  "a file",
	unix.S_IFDIR:  "a directory",
	unix.S_IFLNK:  "a link",
	unix.S_IFIFO:  "a named pipe",
	unix.S_IFSOCK: "a socket",
	unix.S_IFBLK:  "a device",
	unix.S_IFCHR:  "a device",
}
