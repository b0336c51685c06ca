// Package leftovers tells what a test has left on the machine: it takes stock
// before and after, and compares.
package leftovers

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Place is where something may be left.
type Place struct {
	// Base is a folder of the test's own. Mounts below the folder for temporary
	// files count only if they are in Base, loop devices only if their image is.
	Base string
	// ID is what the test's cgroups have in their names: those of other labs,
	// which come and go, do not count.
	ID string
}

// folders are those of the machine that a kubelet, a container runtime or CNI's
// plug-ins would make something in.
var folders = []string{"/run", "/run/netns", "/var/lib", "/var/lib/cni", "/var/log", "/opt", "/etc", "/usr/libexec"}

// settings are the kernel's that a kubelet changes.
var settings = []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"}

// Stock lists everything there is, a line each, sorted: processes, mounts, loop
// devices, network links, cgroups, kernel settings, and what lies in folders.
func (p Place) Stock() ([]string, error) {
	var all []string
	for _, list := range []func() ([]string, error){p.mounts, p.loops, links, p.cgroups, kernel, p.files, processes} {
		lines, err := list()
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	slices.Sort(all)
	return all, nil
}

// Compare is nil if the stock is what it was.
func (p Place) Compare(before []string) error {
	now, err := p.Stock()
	if err != nil {
		return err
	}
	var differ error
	for _, line := range now {
		if _, there := slices.BinarySearch(before, line); !there {
			differ = errors.Join(differ, fmt.Errorf("left: %s", line))
		}
	}
	for _, line := range before {
		if strings.HasPrefix(line, cgroup) {
			continue // of a service of the machine's that has ended: nobody can remove one with processes
		}
		if _, there := slices.BinarySearch(now, line); !there {
			differ = errors.Join(differ, fmt.Errorf("missing: %s", line))
		}
	}
	return differ
}

// mounts lists mount points, the fifth field of /proc/self/mountinfo:
//
//	36 35 7:0 / /tmp/lab/n1/nodefs rw,relatime shared:1 - ext4 /dev/loop0 rw
func (p Place) mounts() ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 4 && (!strings.HasPrefix(fields[4], os.TempDir()) || strings.HasPrefix(fields[4], p.Base)) {
			found = append(found, "mount "+fields[4])
		}
	}
	return found, lines.Err()
}

func (p Place) loops() ([]string, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		image, err := os.ReadFile(file)
		if err == nil && strings.HasPrefix(string(image), p.Base) {
			found = append(found, "loop device of "+strings.TrimSpace(string(image)))
		}
	}
	return found, nil
}

func links() ([]string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, link := range all {
		found = append(found, "link "+link.Name)
	}
	return found, nil
}

const cgroup = "cgroup " // begins a line

// cgroups lists those of all hierarchies; one may vanish meanwhile.
func (p Place) cgroups() ([]string, error) {
	var found []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (!strings.Contains(path, "/hr") || p.ID != "" && strings.Contains(path, p.ID)) {
			found = append(found, cgroup+path)
		}
		return nil
	})
	return found, err
}

func kernel() ([]string, error) {
	var found []string
	for _, name := range settings {
		value, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			return nil, err
		}
		found = append(found, fmt.Sprintf("setting %s %s", name, value))
	}
	return found, nil
}

func (p Place) files() ([]string, error) {
	var found []string
	for _, dir := range append([]string{p.Base}, folders...) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, entry := range entries {
			found = append(found, "file "+filepath.Join(dir, entry.Name()))
		}
	}
	return found, nil
}

// processes lists those of this PID namespace that are no zombies: a zombie has no
// command line, and neither has a thread of the kernel.
func processes() ([]string, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && len(line) > 0 {
			found = append(found, fmt.Sprintf("process %s: %s", filepath.Base(filepath.Dir(file)), strings.ReplaceAll(string(line), "\x00", " ")))
		}
	}
	return found, nil
}
