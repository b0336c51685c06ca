package node

import (
	"bytes"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A memcg is what the memory controller shows of one cgroup: the paths of its
// files.
type memcg struct {
	limit    string // empty at the root, whose limit is the machine's memory
	usage    string // empty where stat has it, as anon and file
	stat     string
	inactive string // what stat calls inactive page cache
}

// memcg returns the files of the cgroup with a name as the kubelet writes it
// ("/kubepods"), whether it exists or not.
func (h Host) memcg(v2 bool, name string) memcg {
	if v2 {
		dir := filepath.Join(h.Cgroup, filepath.Join("/", name))
		return memcg{dir + "/memory.max", dir + "/memory.current", dir + "/memory.stat", "inactive_file"}
	}
	dir := filepath.Join(h.Cgroup, "memory", filepath.Join("/", name))
	return memcg{dir + "/memory.limit_in_bytes", dir + "/memory.usage_in_bytes", dir + "/memory.stat", "total_inactive_file"}
}

// rootMemcg returns the root's files. With cgroup v2 there is no memory.current
// at the root, except in a cgroup namespace: a node that is a container itself
// (kind) has one, and its kubelet goes by it.
func (h Host) rootMemcg() (memcg, error) {
	v2, err := h.hasCgroup2()
	if err != nil {
		return memcg{}, err
	}
	root := h.memcg(v2, "/")
	root.limit = ""
	if !v2 {
		return root, nil
	}
	current, err := exists(root.usage)
	if !current {
		root.usage = ""
	}
	return root, err
}

// hasCgroup2 reports whether the hierarchy is a cgroup v2 one, all of whose
// folders have a list of controllers. A hybrid one (a tmpfs with v1 controllers
// and v2 in a folder of its own) counts as v1, as it does for the kubelet.
func (h Host) hasCgroup2() (bool, error) { return exists(h.Cgroup + "/cgroup.controllers") }

func exists(path string) (bool, error) {
	_, err := retry(func() (int, error) { return 0, unix.Access(path, unix.F_OK) })
	switch err {
	case nil:
		return true, nil
	case unix.ENOENT, unix.ENOTDIR:
		return false, nil
	}
	return false, fmt.Errorf("access %s: %w", path, err)
}

// workingSet returns the cgroup's usage without inactive page cache, in bytes, or
// 0 if there is more of that. It costs 2 system calls once the files are open, 1
// where stat has the usage.
func (c memcg) workingSet(files openFiles, buf []byte) (int64, error) {
	stat, err := files.read(c.stat, buf)
	if err != nil {
		return 0, err
	}
	usage, inactive, err := c.parse(stat)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.stat, err)
	}
	if c.usage != "" {
		if usage, err = files.number(c.usage, buf, parseBytes); err != nil {
			return 0, err
		}
	}
	return max(usage-inactive, 0), nil
}

// parse takes from memory.stat the usage, where it has no file of its own, and the
// inactive page cache.
func (c memcg) parse(stat []byte) (usage, inactive int64, err error) {
	if c.usage == "" {
		for _, key := range []string{"anon", "file"} {
			n, err := parseMemoryStat(stat, key)
			if err != nil {
				return 0, 0, err
			}
			usage += n
		}
	}
	inactive, err = parseMemoryStat(stat, c.inactive)
	return usage, inactive, err
}

// parseMemoryStat takes one value from a cgroup's memory.stat, in bytes:
//
//	anon 3000000000
//	file 5000000000
//	inactive_file 4200000000
//
// Some kernels have shown small negative numbers, which count as 0, as they do
// for opencontainers/cgroups (fscommon/utils.go).
func parseMemoryStat(data []byte, key string) (int64, error) {
	value, ok := find(data, key+" ")
	if !ok {
		return 0, fmt.Errorf("no %s", key)
	}
	digits, negative := bytes.CutPrefix(value, []byte("-"))
	n, err := parseBytes(digits)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	if negative {
		return 0, nil
	}
	return n, nil
}
