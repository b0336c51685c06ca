package remedy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A process is one folder of procfs: /proc/PID, or /proc/PID/task/TID where
// the process's first thread has ended before the others.
type process struct {
	dir  int    // the folder, O_PATH
	path string // beneath procfs
	pid  string
}

// eachProcess calls look for every process that proc shows. look returns how
// many descriptors it saw. An error means that something could not be told.
//
// procfs shows descriptors of one thread. Those that a thread unshared
// (CLONE_FILES) are not seen, nor are files that only io_uring, a socket in
// flight or the kernel itself (loop devices, an NFS server) holds.
func eachProcess(ctx context.Context, proc string, look func(process) (int, error)) error {
	fd, err := openProc(proc)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var names []dirent
	buf := make([]byte, 64<<10)
	first := false
	for {
		if names, err = readDir(fd, buf, names[:0]); err != nil {
			return fmt.Errorf("cannot tell who holds files open: read %s: %w", proc, err)
		}
		if len(names) == 0 {
			break
		}
		for _, e := range names {
			if !digits(e.name) {
				continue
			}
			first = first || e.name == "1"
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := lookAt(fd, e.name, look); err != nil {
				return err
			}
		}
	}
	if !first {
		return fmt.Errorf("cannot tell who holds files open: %s does not show process 1 (mounted with hidepid?): run as root", proc)
	}
	return nil
}

// openProc opens procfs, and nothing else that may lie there.
func openProc(proc string) (int, error) {
	fd, err := unix.Open(proc, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot tell who holds files open: open %q: %w: name procfs with --path.procfs", proc, err)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil || st.Type != unix.PROC_SUPER_MAGIC {
		unix.Close(fd)
		return -1, fmt.Errorf("cannot tell who holds files open: %s is not procfs: name it with --path.procfs", proc)
	}
	return fd, nil
}

// lookAt looks at one process; through its threads if its first has ended, for
// then its own folder shows nothing.
func lookAt(proc int, pid string, look func(process) (int, error)) error {
	seen, err := lookIn(proc, pid, pid, look)
	if err != nil || seen > 0 {
		return err
	}
	tasks, err := unix.Openat(proc, pid+"/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return cannotTell(pid, err)
	}
	defer unix.Close(tasks)
	var names []dirent
	for buf := make([]byte, 4<<10); ; {
		if names, err = readDir(tasks, buf, names[:0]); err != nil || len(names) == 0 {
			return cannotTell(pid, err)
		}
		for _, e := range names {
			if e.name == pid {
				continue
			}
			if _, err := lookIn(proc, pid+"/task/"+e.name, pid, look); err != nil {
				return err
			}
		}
	}
}

func lookIn(proc int, path, pid string, look func(process) (int, error)) (int, error) {
	dir, err := unix.Openat(proc, path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, cannotTell(pid, err)
	}
	defer unix.Close(dir)
	p := process{dir, path, pid}
	n, err := look(p)
	if err != nil && p.zombie() {
		return 0, nil // holds nothing, and only its owner may see that
	}
	return n, cannotTell(p.String(), err)
}

// cannotTell completes an error, or drops it if the process is gone.
func cannotTell(who string, err error) error {
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		err = fmt.Errorf("%w: run as root, in a container with CAP_SYS_PTRACE", err)
	}
	return fmt.Errorf("cannot tell who holds files open: process %s: %w", who, err)
}

// zombie reports whether the process has ended and waits for its parent, with
// no thread left. /proc/PID/stat: "12 (a name) Z …".
func (p process) zombie() bool {
	stat, err := p.read("stat")
	_, rest, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	if err != nil || !ok || len(rest) == 0 || rest[0] != 'Z' && rest[0] != 'X' {
		return false
	}
	fields := bytes.Fields(rest)
	return len(fields) > 17 && string(fields[17]) == "1" // num_threads
}

// String names the process for people: "12 (nginx)".
func (p process) String() string {
	comm, err := p.read("comm")
	if err != nil {
		return p.pid
	}
	return fmt.Sprintf("%s (%s)", p.pid, printable(strings.TrimSuffix(string(comm), "\n")))
}

// read reads a small file of the process.
func (p process) read(name string) ([]byte, error) {
	fd, err := unix.Openat(p.dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	return buf[:max(n, 0)], err
}
