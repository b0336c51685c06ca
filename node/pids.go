package node

import (
	"bytes"
	"fmt"
	"time"

	"github.com/nodeheadroom/headroom"
)

// PIDs reads pid.available as the kubelet computes it: how many tasks
// (threads, not only processes) may exist without those that do. It can be
// negative. From pkg/kubelet/stats/pidlimit/pidlimit_linux.go.
//
// Since Linux 6.14 pid_max belongs to the PID namespace of whoever reads it,
// whichever procfs it is read through: in a container this is the node's only
// with hostPID.
//
// It costs 9 system calls.
func (h Host) PIDs() (headroom.Reading, error) { return h.pids(nil) }

// pids costs 3 system calls once the files are open.
func (h Host) pids(files openFiles) (headroom.Reading, error) {
	var buf [256]byte
	limit, err := h.procInt(files, "/sys/kernel/pid_max", buf[:])
	if err != nil {
		return headroom.Reading{}, err
	}
	threads, err := h.procInt(files, "/sys/kernel/threads-max", buf[:])
	if err != nil {
		return headroom.Reading{}, err
	}
	limit = min(limit, threads)
	path := h.Proc + "/loadavg"
	data, err := files.read(path, buf[:])
	if err != nil {
		return headroom.Reading{}, err
	}
	tasks, err := parseLoadavg(data)
	if err != nil {
		return headroom.Reading{}, fmt.Errorf("%s: %w", path, err)
	}
	return headroom.Reading{
		Signal:    headroom.PIDAvailable,
		Available: limit - tasks,
		Capacity:  limit,
		At:        time.Now(),
	}, nil
}

func (h Host) procInt(files openFiles, name string, buf []byte) (int64, error) {
	path := h.Proc + name
	data, err := files.read(path, buf)
	if err != nil {
		return 0, err
	}
	n, err := parseInt(bytes.TrimSpace(data))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// parseLoadavg takes the number of tasks on the host from /proc/loadavg:
//
//	0.20 0.18 0.12 1/1024 11206
//	                 ^^^^
func parseLoadavg(data []byte) (int64, error) {
	fields := bytes.Fields(data)
	if len(fields) < 4 {
		return 0, fmt.Errorf("%q has fewer than 4 fields", data)
	}
	_, tasks, ok := bytes.Cut(fields[3], []byte("/"))
	if !ok {
		return 0, fmt.Errorf("%q has no slash in its fourth field", data)
	}
	n, err := parseInt(tasks)
	if err != nil {
		return 0, fmt.Errorf("tasks: %w", err)
	}
	return n, nil
}
