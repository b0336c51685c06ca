package node

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom"
)

// Memory reads memory.available as the kubelet computes it: the machine's
// memory without the working set of the root cgroup, which is its usage without
// inactive page cache. That is not MemAvailable: active page cache and shared
// memory count as used. Capacity is the machine's memory.
//
// From cadvisor (machine.go, container/libcontainer/handler.go) and
// opencontainers/cgroups (fs/memory.go, fs2/memory.go). Huge pages are not
// subtracted, as kubelets from 1.37 do.
//
// It costs 7 system calls with cgroup v2, 10 with v1.
func (h Host) Memory() (headroom.Reading, error) { return h.memory(nil) }

// memory costs 3 system calls with cgroup v2 and 4 with v1 once the files are open.
func (h Host) memory(files openFiles) (headroom.Reading, error) {
	var buf [memoryBuffer]byte
	limit, err := h.memTotal(files, buf[:])
	if err != nil {
		return headroom.Reading{}, err
	}
	v2, err := isCgroup2(h.Cgroup)
	if err != nil {
		return headroom.Reading{}, err
	}
	read := h.workingSetV1
	if v2 {
		read = h.workingSetV2
	}
	used, err := read(files, buf[:])
	if err != nil {
		return headroom.Reading{}, err
	}
	return headroom.Reading{
		Signal:    headroom.MemoryAvailable,
		Available: limit - used, // not saturated there, either
		Capacity:  limit,
		At:        time.Now(),
	}, nil
}

// memoryBuffer holds the longest file read here, memory.stat: 2 KB on today's
// kernels.
const memoryBuffer = 8 << 10

// isCgroup2 reports whether dir is a cgroup v2 hierarchy. A hybrid one (a tmpfs
// with v1 controllers and v2 in a folder of its own) counts as v1.
func isCgroup2(dir string) (bool, error) {
	var fs unix.Statfs_t
	if _, err := retry(func() (int, error) { return 0, unix.Statfs(dir, &fs) }); err != nil {
		return false, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return fs.Type == unix.CGROUP2_SUPER_MAGIC, nil
}

func (h Host) memTotal(files openFiles, buf []byte) (int64, error) {
	path := h.Proc + "/meminfo"
	data, err := files.read(path, buf)
	if err != nil {
		return 0, err
	}
	n, err := parseMeminfo(data)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// parseMeminfo takes the machine's memory, in bytes, from /proc/meminfo:
//
//	MemTotal:       16384000 kB
//	MemFree:         9052788 kB
func parseMeminfo(data []byte) (int64, error) {
	value, ok := find(data, "MemTotal:")
	if !ok {
		return 0, fmt.Errorf("no MemTotal")
	}
	kb, err := parseInt(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB")))
	if err != nil {
		return 0, fmt.Errorf("MemTotal: %w", err)
	}
	if kb > math.MaxInt64/1024 {
		return 0, fmt.Errorf("MemTotal: %d kB is out of range", kb)
	}
	return kb * 1024, nil
}

// workingSetV2 takes the root cgroup's usage as what processes and files hold:
// the root has no memory.current.
func (h Host) workingSetV2(files openFiles, buf []byte) (int64, error) {
	path := h.Cgroup + "/memory.stat"
	stat, err := files.read(path, buf)
	if err != nil {
		return 0, err
	}
	var v [3]int64
	for i, key := range []string{"anon", "file", "inactive_file"} {
		if v[i], err = parseMemoryStat(stat, key); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
	}
	return workingSet(v[0]+v[1], v[2]), nil
}

func (h Host) workingSetV1(files openFiles, buf []byte) (int64, error) {
	path := h.Cgroup + "/memory/memory.usage_in_bytes"
	data, err := files.read(path, buf)
	if err != nil {
		return 0, err
	}
	usage, err := parseInt(bytes.TrimSpace(data))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	path = h.Cgroup + "/memory/memory.stat"
	stat, err := files.read(path, buf)
	if err != nil {
		return 0, err
	}
	inactive, err := parseMemoryStat(stat, "total_inactive_file")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return workingSet(usage, inactive), nil
}

func workingSet(usage, inactive int64) int64 { return max(usage-inactive, 0) }

// parseMemoryStat takes one value from a cgroup's memory.stat, in bytes:
//
//	anon 3000000000
//	file 5000000000
//	inactive_file 4200000000
func parseMemoryStat(data []byte, key string) (int64, error) {
	value, ok := find(data, key+" ")
	if !ok {
		return 0, fmt.Errorf("no %s", key)
	}
	n, err := parseInt(value)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return n, nil
}

// find returns what follows key, to the end of the line that begins with it.
func find(data []byte, key string) ([]byte, bool) {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		if len(line) > len(key) && string(line[:len(key)]) == key {
			return line[len(key):], true
		}
		data = rest
	}
	return nil, false
}

func parseInt(b []byte) (int64, error) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, fmt.Errorf("%d is negative", n)
	}
	return n, nil
}
