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
// whichever procfs it is read through: where Proc is the procfs of a namespace
// above this process's own, there is an error instead of a wrong number.
//
// It costs 10 system calls, and 4 more on such a kernel.
func (h Host) PIDs() (headroom.Reading, error) { return newPIDProber(h, nil).probe() }

// A pidProber reads pid.available, again and again: 3 system calls from the
// second time on. Only one call at a time.
type pidProber struct {
	host                        Host
	files                       openFiles
	pidMax, threadsMax, loadavg string
	ours                        bool // pid_max was found to be that of Proc
	buf                         [256]byte
}

func newPIDProber(h Host, files openFiles) *pidProber {
	return &pidProber{
		host: h, files: files,
		pidMax:     h.Proc + "/sys/kernel/pid_max",
		threadsMax: h.Proc + "/sys/kernel/threads-max",
		loadavg:    h.Proc + "/loadavg",
	}
}

func (p *pidProber) probe() (headroom.Reading, error) {
	if !p.ours { // a process does not change its namespace
		if err := p.host.checkPIDNamespace(); err != nil {
			return headroom.Reading{}, err
		}
		p.ours = true
	}
	limit, err := p.files.number(p.pidMax, p.buf[:], parseInt)
	if err != nil {
		return headroom.Reading{}, err
	}
	threads, err := p.files.number(p.threadsMax, p.buf[:], parseInt)
	if err != nil {
		return headroom.Reading{}, err
	}
	tasks, err := p.files.number(p.loadavg, p.buf[:], parseLoadavg)
	if err != nil {
		return headroom.Reading{}, err
	}
	limit = min(limit, threads)
	return headroom.Reading{
		Signal:    headroom.PIDAvailable,
		Available: limit - tasks,
		Capacity:  limit,
		At:        time.Now(),
	}, nil
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
