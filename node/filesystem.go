package node

import (
	"context"
	"fmt"
	"time"

	"github.com/nodeheadroom/headroom"
)

// A Disk identifies a filesystem by the device number (st_dev) of its files:
// two paths on one Disk share their space.
type Disk struct{ Major, Minor uint32 }

// String returns d as mountinfo writes it, "8:1".
func (d Disk) String() string { return fmt.Sprintf("%d:%d", d.Major, d.Minor) }

// Space is how much of something a filesystem has.
type Space struct {
	Available int64 // for users without privilege, as the kubelet counts
	Capacity  int64 // 0 where a filesystem does not count it, or −1
}

// A Filesystem is the one that holds a path, as it was at one moment.
type Filesystem struct {
	Path string // as asked for
	Disk Disk
	// Mountpoint, Device and Type say where and what it is, in the mount
	// namespace of this process: informative, and empty where the kernel's
	// mount table does not show the mount (it was detached).
	Mountpoint string
	Device     string
	Type       string
	Bytes      Space
	Inodes     Space
	At         time.Time // when the kernel answered
}

// Readings returns what f says of a role's two signals.
func (f Filesystem) Readings(role headroom.Filesystem) (bytes, inodes headroom.Reading) {
	bytes = headroom.Reading{Available: f.Bytes.Available, Capacity: f.Bytes.Capacity, At: f.At}
	inodes = headroom.Reading{Available: f.Inodes.Available, Capacity: f.Inodes.Capacity, At: f.At}
	switch role {
	case headroom.NodeFS:
		bytes.Signal, inodes.Signal = headroom.NodeFSAvailable, headroom.NodeFSInodesFree
	case headroom.ImageFS:
		bytes.Signal, inodes.Signal = headroom.ImageFSAvailable, headroom.ImageFSInodesFree
	case headroom.ContainerFS:
		bytes.Signal, inodes.Signal = headroom.ContainerFSAvailable, headroom.ContainerFSInodesFree
	}
	return bytes, inodes
}

// A FilesystemReader reads one path's filesystem. It is safe for concurrent
// use, and one that hangs costs one thread however often it is read.
type FilesystemReader struct{ question[Filesystem] }

// NewFilesystem returns a reader of the filesystem that holds path, which need
// not be a mount point, nor exist yet. A read that takes longer than timeout
// is given up.
func NewFilesystem(path string, timeout time.Duration) *FilesystemReader {
	p := &prober{path: path}
	return &FilesystemReader{question[Filesystem]{about: path, timeout: timeout, call: p.probe}}
}

// Read returns the filesystem as it is now. The error is os.ErrDeadlineExceeded
// where it did not answer in time (at once, when an earlier read is already
// past its deadline), the context's where that ended first.
//
// It costs two system calls, statx and statfs, and the reading of the mount
// table when the path's mount is not the one seen last.
func (r *FilesystemReader) Read(ctx context.Context) (Filesystem, error) { return r.ask(ctx) }
