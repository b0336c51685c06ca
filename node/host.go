package node

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A Host is where a node's kernel shows itself. It is a value: a folder with
// recorded files stands in for a machine.
type Host struct {
	Proc   string // procfs, "/proc"
	Cgroup string // the root of the cgroup hierarchy, "/sys/fs/cgroup"
}

// readFile reads a kernel file into buf, which must be longer, and returns what
// there was. Three system calls: the standard library's open registers every file
// with the poller first, and its ReadFile asks for a size that kernel files do
// not have.
func readFile(path string, buf []byte) ([]byte, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	n, err := retry(func() (int, error) { return unix.Read(fd, buf) })
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
