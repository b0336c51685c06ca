package headroom

import (
	"fmt"
	"strings"
)

// A Signal is a quantity the kubelet watches to decide about eviction, spelled
// as the kubelet spells it. Spelling is exact: case and spaces count.
type Signal string

// The signals a kubelet knows (pkg/kubelet/eviction/api/types.go).
const (
	MemoryAvailable            Signal = "memory.available"
	AllocatableMemoryAvailable Signal = "allocatableMemory.available"
	NodeFSAvailable            Signal = "nodefs.available"
	NodeFSInodesFree           Signal = "nodefs.inodesFree"
	ImageFSAvailable           Signal = "imagefs.available"
	ImageFSInodesFree          Signal = "imagefs.inodesFree"
	ContainerFSAvailable       Signal = "containerfs.available"
	ContainerFSInodesFree      Signal = "containerfs.inodesFree"
	PIDAvailable               Signal = "pid.available"
)

// A Unit is what a signal counts. Numbers of different units never meet.
type Unit string

// The units of the signals. Metric names end in them.
const (
	Bytes  Unit = "bytes"
	Inodes Unit = "inodes"
	PIDs   Unit = "pids"
)

// A Filesystem is a role a filesystem plays for the kubelet, not a mount
// point: two roles may share one disk.
type Filesystem string

// The roles. NodeFS holds the kubelet's root directory, ImageFS the runtime's
// images, ContainerFS the writable layers of containers.
const (
	NodeFS      Filesystem = "nodefs"
	ImageFS     Filesystem = "imagefs"
	ContainerFS Filesystem = "containerfs"
)

// Filesystems lists every role.
var Filesystems = []Filesystem{NodeFS, ImageFS, ContainerFS}

// signals is the one table of signals: a new one is a row here.
var signals = []struct {
	signal     Signal
	unit       Unit
	filesystem Filesystem
	condition  string
}{
	{MemoryAvailable, Bytes, "", "MemoryPressure"},
	{AllocatableMemoryAvailable, Bytes, "", "MemoryPressure"},
	{NodeFSAvailable, Bytes, NodeFS, "DiskPressure"},
	{NodeFSInodesFree, Inodes, NodeFS, "DiskPressure"},
	{ImageFSAvailable, Bytes, ImageFS, "DiskPressure"},
	{ImageFSInodesFree, Inodes, ImageFS, "DiskPressure"},
	{ContainerFSAvailable, Bytes, ContainerFS, "DiskPressure"},
	{ContainerFSInodesFree, Inodes, ContainerFS, "DiskPressure"},
	{PIDAvailable, PIDs, "", "PIDPressure"},
}

// Signals lists every signal, in the table's order. The slice is the caller's.
func Signals() []Signal {
	all := make([]Signal, len(signals))
	for i, row := range signals {
		all[i] = row.signal
	}
	return all
}

// ParseSignal returns the signal that s names, or an error that lists the names
// there are.
func ParseSignal(s string) (Signal, error) {
	for _, row := range signals {
		if string(row.signal) == s {
			return row.signal, nil
		}
	}
	names := make([]string, len(signals))
	for i, row := range signals {
		names[i] = string(row.signal)
	}
	return "", fmt.Errorf("unknown eviction signal %q: use one of %s", s, strings.Join(names, ", "))
}

// Unit returns what s counts, or "" for a signal that does not exist.
func (s Signal) Unit() Unit {
	for i := range signals {
		if signals[i].signal == s {
			return signals[i].unit
		}
	}
	return ""
}

// Filesystem returns the role whose filesystem s measures, or "" where s
// measures memory or processes.
func (s Signal) Filesystem() Filesystem {
	for i := range signals {
		if signals[i].signal == s {
			return signals[i].filesystem
		}
	}
	return ""
}

// Condition returns the node condition that a met threshold of s sets:
// MemoryPressure, DiskPressure or PIDPressure.
func (s Signal) Condition() string {
	for i := range signals {
		if signals[i].signal == s {
			return signals[i].condition
		}
	}
	return ""
}
