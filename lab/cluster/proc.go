package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A proc is one certain process: a number is used again, a number and the time
// of its start are not.
type proc struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // in ticks since boot
}

// identify returns the process that has the number now.
func identify(pid int) (proc, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return proc{}, err
	}
	state, start := parseStat(data)
	if start == "" || state == "Z" || state == "X" {
		return proc{}, os.ErrProcessDone
	}
	return proc{pid, start}, nil
}

// parseStat takes the state and the start from /proc/PID/stat, counted behind
// the name, which may hold anything:
//
//	1234 (a) b) S 1 1234 1234 0 -1 … 21:51 967411 …
func parseStat(data []byte) (state, start string) {
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 {
		return "", ""
	}
	return fields[0], fields[19]
}

// runs reports whether p is still there, and no zombie.
func (p proc) runs() bool {
	now, err := identify(p.PID)
	return err == nil && now == p
}

// end signals p, kills it if that does not end it within 20 seconds, and returns
// once it is gone. The signal goes through a handle that was taken before the
// identity was checked: it cannot reach anybody else.
func (p proc) end(signal syscall.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	if !p.runs() {
		return nil
	}
	for _, s := range []syscall.Signal{signal, unix.SIGKILL} {
		if err := unix.PidfdSendSignal(fd, s, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("process %d: %v: %w", p.PID, s, err)
		}
		if exited(fd, 20*time.Second) {
			return nil
		}
	}
	return fmt.Errorf("process %d: still there 20 seconds after it was killed", p.PID)
}

// exited waits for the process of a pidfd.
func exited(fd int, limit time.Duration) bool {
	end := time.Now().Add(limit)
	for {
		left := time.Until(end)
		if left < 0 {
			return false
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1)
		if n > 0 && err == nil {
			return true
		}
	}
}

// marked returns the processes that carry the lab's folder in their environment.
// Those that nobody may look into are nobody's of ours.
func marked(dir string) ([]proc, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	want := []byte(labVariable + "=" + dir + "\x00")
	var found []proc
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		p, err := identify(pid)
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err == nil && bytes.Contains(append([]byte{0}, data...), append([]byte{0}, want...)) {
			found = append(found, p)
		}
	}
	return found, nil
}
