package node

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// checkPIDNamespace returns an error if the kernel would show this process
// another pid_max than that of the PID namespace Proc belongs to. A Proc that is
// no procfs (recorded files) is taken as it is.
func (h Host) checkPIDNamespace() error {
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	if !namespacesPIDMax(unix.ByteSliceToString(kernel.Release[:])) {
		return nil
	}
	var fs unix.Statfs_t
	if _, err := retry(func() (int, error) { return 0, unix.Statfs(h.Proc, &fs) }); err != nil {
		return fmt.Errorf("statfs %s: %w", h.Proc, err)
	}
	if fs.Type != unix.PROC_SUPER_MAGIC {
		return nil
	}
	path := h.Proc + "/self/status"
	data, err := openFiles(nil).read(path, make([]byte, 16<<10))
	if err != nil {
		return err // not even there: a namespace that this process is not in
	}
	depth, err := parseNSpid(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if depth > 1 {
		return fmt.Errorf("%s/sys/kernel/pid_max: shows the limit of this process's own PID namespace, not of the node's: run it there (hostPID)", h.Proc)
	}
	return nil
}

// namespacesPIDMax reports whether a kernel has a pid_max for each PID namespace,
// by its release: "6.14.0-15-generic". One that is not understood is a new one.
func namespacesPIDMax(release string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major > 6 || major == 6 && minor >= 14
}

// parseNSpid takes from /proc/self/status in how many PID namespaces the process
// is, counted from that of the procfs downwards:
//
//	NSpid:	31942	1
func parseNSpid(data []byte) (int, error) {
	pids, ok := find(data, "NSpid:")
	if !ok {
		return 0, fmt.Errorf("no NSpid")
	}
	return len(bytes.Fields(pids)), nil
}
