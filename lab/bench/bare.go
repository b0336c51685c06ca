package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// bareReads does nothing but the system calls without which a scrape's answer
// cannot be had, n times, and returns the CPU seconds that one time cost: statfs
// for each role, and the kernel's files on memory, of the node and of all pods, and
// on tasks. What it reads it does not look at.
func bareReads(n int) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	files := []string{"/proc/meminfo", "/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max", "/proc/loadavg"}
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err != nil {
		return 0, err
	}
	if fs.Type == unix.CGROUP2_SUPER_MAGIC {
		files = append(files, "/sys/fs/cgroup/memory.stat")
	} else {
		files = append(files, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat")
	}
	files = append(files, findPodsCgroup().paths()...)
	before, err := threadCPU()
	if err != nil {
		return 0, err
	}
	var buf [8192]byte
	for range n {
		for range 3 { // nodefs, imagefs, containerfs
			if err := unix.Statfs("/", &fs); err != nil {
				return 0, err
			}
		}
		for _, path := range files {
			if err := bareRead(path, buf[:]); err != nil {
				return 0, err
			}
		}
	}
	after, err := threadCPU()
	return (after - before) / float64(n), err
}

func bareRead(path string, buf []byte) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	if _, err := unix.Read(fd, buf); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func threadCPU() (float64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0, err
	}
	return float64(ts.Nano()) / 1e9, nil
}
