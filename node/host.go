package node

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// A Host is where a node's kernel shows itself. It is a value: a folder with
// recorded files stands in for a machine.
type Host struct {
	Proc   string // procfs, "/proc"
	Cgroup string // the root of the cgroup hierarchy, "/sys/fs/cgroup"
}

// openFiles are kernel files that are kept open to be read again, by their paths:
// opening and closing them would be half of the work. What the kernel shows is
// made anew for each reading from the beginning. A nil one keeps nothing. Not for
// concurrent use.
type openFiles map[string]int

// read reads a kernel file into buf, which must be longer, and returns what there
// was. It costs one system call if the file is open, two if not, and with nil
// three: the standard library's open registers every file with the poller, and
// its ReadFile asks for a size that kernel files do not have.
func (o openFiles) read(path string, buf []byte) ([]byte, error) {
	if fd, ok := o[path]; ok {
		data, err := pread(fd, path, buf)
		if err == nil && len(data) > 0 {
			return data, nil
		}
		// It may be gone, and another may be there: a FUSE program that started
		// again leaves ENOTCONN, a cgroup that was removed ENODEV.
		unix.Close(fd)
		delete(o, path)
	}
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	data, err := pread(fd, path, buf)
	if o == nil || err != nil {
		unix.Close(fd)
		return data, err
	}
	o[path] = fd
	return data, nil
}

// number reads a kernel file in which there is one number, or one that matters.
func (o openFiles) number(path string, buf []byte, parse func([]byte) (int64, error)) (int64, error) {
	data, err := o.read(path, buf)
	if err != nil {
		return 0, err
	}
	n, err := parse(bytes.TrimSpace(data))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// close closes what is open. To read again is no mistake: it opens again.
func (o openFiles) close() {
	for path, fd := range o {
		unix.Close(fd)
		delete(o, path)
	}
}

func pread(fd int, path string, buf []byte) ([]byte, error) {
	n, err := retry(func() (int, error) { return unix.Pread(fd, buf, 0) })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if n == len(buf) {
		return nil, fmt.Errorf("read %s: longer than the %d bytes expected", path, n-1)
	}
	return buf[:n], nil
}

// retry repeats a call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
