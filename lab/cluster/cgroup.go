package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where the hierarchies are: on version 1 a folder each, on 2 it
// is the one.
const cgroupRoot = "/sys/fs/cgroup"

// hierarchies returns the roots of all cgroup hierarchies.
func hierarchies() ([]string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &st); err != nil {
		return nil, fmt.Errorf("statfs %s: %w", cgroupRoot, err)
	}
	if st.Type == unix.CGROUP2_SUPER_MAGIC {
		return []string{cgroupRoot}, nil
	}
	entries, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, entry := range entries {
		if entry.IsDir() { // a link is one of several names
			roots = append(roots, filepath.Join(cgroupRoot, entry.Name()))
		}
	}
	return roots, nil
}

// makeCgroup makes a cgroup, such as /headroom-ab12cd/n1, in all hierarchies.
func makeCgroup(path string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		at := root
		for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			parent := at
			at = filepath.Join(at, name)
			if err := delegate(parent); err != nil {
				return err
			}
			if err := os.Mkdir(at, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("make a cgroup: %w", err)
			}
			if err := inheritCPUs(parent, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate lets the children of a cgroup of version 2 have every controller that
// it has itself, as the kubelet does below its own root. Version 1 has no such
// file, or an empty one beside it.
//
//	cpuset cpu io memory hugetlb pids
func delegate(parent string) error {
	have, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(have)) {
		if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// inheritCPUs fills in what a new cpuset of version 1 lacks: without processors
// and memory nobody can join it.
func inheritCPUs(parent, child string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		have, err := os.ReadFile(filepath.Join(child, name))
		if err != nil || len(strings.TrimSpace(string(have))) > 0 || filepath.Dir(parent) == "/sys/fs" {
			continue // no cpuset, filled in, or version 2, where empty means the parent's
		}
		value, err := os.ReadFile(filepath.Join(parent, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(child, name), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// setCgroup writes one value into the cgroup wherever it has such a file.
func setCgroup(path, name, value string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		file := filepath.Join(root, path, name)
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// emptyCgroup kills everything in a cgroup and below it, and removes it.
func emptyCgroup(path string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	end := time.Now().Add(30 * time.Second)
	for {
		var left error
		for _, root := range roots {
			left = errors.Join(left, killCgroup(filepath.Join(root, path)))
		}
		if left == nil {
			return nil
		}
		if time.Now().After(end) {
			return left
		}
		time.Sleep(20 * time.Millisecond) // the kernel takes a while to bury a process
	}
}

// killCgroup tries once, deepest first.
func killCgroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var left error
	for _, entry := range entries {
		if entry.IsDir() {
			left = errors.Join(left, killCgroup(filepath.Join(dir, entry.Name())))
		}
	}
	for _, p := range members(dir) {
		if fd, err := unix.PidfdOpen(p, 0); err == nil {
			if in(dir, p) { // still: the handle is of the one that we mean
				unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			}
			unix.Close(fd)
		}
	}
	if left != nil {
		return left
	}
	if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT {
		return fmt.Errorf("remove the cgroup %s: %w", dir, err)
	}
	return nil
}

// members lists the processes in one cgroup.
func members(dir string) []int {
	file, err := os.Open(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	defer file.Close()
	var pids []int
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if pid, err := strconv.Atoi(lines.Text()); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

func in(dir string, pid int) bool {
	for _, p := range members(dir) {
		if p == pid {
			return true
		}
	}
	return false
}
