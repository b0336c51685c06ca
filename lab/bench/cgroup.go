package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// cgroupRoot is where the recorded kubelet has the cgroup of all pods, as it says
// in its configuration.
const cgroupRoot = "/headroom-bench"

// podsLimit is that cgroup's memory limit, in bytes.
const podsLimit = "8589934592"

// A podsCgroup is the files of the cgroup of all pods, by the version of cgroups
// that is here.
type podsCgroup struct {
	dir   string
	limit string
	files []string // that a kubelet compares
}

func findPodsCgroup() podsCgroup {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return podsCgroup{"/sys/fs/cgroup" + cgroupRoot + "/kubepods", "memory.max", []string{"memory.max", "memory.current", "memory.stat"}}
	}
	return podsCgroup{"/sys/fs/cgroup/memory" + cgroupRoot + "/kubepods", "memory.limit_in_bytes",
		[]string{"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"}}
}

// make makes it. Without root it cannot be had.
func (c podsCgroup) make() error {
	parent := filepath.Dir(c.dir)
	if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if c.limit == "memory.max" {
		if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
			return err
		}
	}
	if err := os.Mkdir(c.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, c.limit), []byte(podsLimit), 0)
}

// remove removes it, if it is there.
func (c podsCgroup) remove() {
	os.Remove(c.dir) // not RemoveAll: nobody can remove a cgroup's files
	os.Remove(filepath.Dir(c.dir))
}

// paths are the files that are read of it; none where there is no such cgroup.
func (c podsCgroup) paths() []string {
	var paths []string
	for _, name := range c.files {
		path := filepath.Join(c.dir, name)
		if _, err := os.Stat(path); err != nil {
			return nil
		}
		paths = append(paths, path)
	}
	return paths
}

// withPodsCgroup runs f while there is a cgroup of all pods, if one can be had.
func withPodsCgroup(f func() int) int {
	c := findPodsCgroup()
	defer c.remove()
	if err := c.make(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: no cgroup of all pods: %v\n", err)
	}
	return f()
}
