package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpu returns the processor time, in seconds, that all threads of a process have
// used, to the nanosecond: its CPU clock (clock_getcpuclockid(3)) counts what
// the scheduler does, not ticks.
func cpu(pid int) (float64, error) {
	const scheduled = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|scheduled, &ts); err != nil {
		return 0, fmt.Errorf("cpu clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()).Seconds(), nil
}

// costs returns the processor seconds that each program used while f ran.
func costs(of []*scraped, f func() error) ([]float64, error) {
	spent := make([]float64, len(of))
	for i, s := range of {
		before, err := cpu(s.PID())
		if err != nil {
			return nil, err
		}
		spent[i] = -before
	}
	if err := f(); err != nil {
		return nil, err
	}
	for i, s := range of {
		after, err := cpu(s.PID())
		if err != nil {
			return nil, err
		}
		spent[i] += after
	}
	return spent, nil
}

// memory reads a size in /proc/PID/status, in bytes:
//
//	VmHWM:	   21344 kB
//	VmRSS:	   19520 kB
func memory(pid int, name string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == name+":" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/%d/status", name, pid)
}

// quantile returns the value below which a share of the others lies.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func median(values []float64) float64 { return quantile(values, 0.5) }
