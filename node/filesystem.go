package node

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// A Disk identifies a filesystem by the device number (st_dev) of its files:
// two paths on one Disk share their space.
type Disk struct{ Major, Minor uint32 }

// String returns d as mountinfo writes it, "8:1".
func (d Disk) String() string { return fmt.Sprintf("%d:%d", d.Major, d.Minor) }

// Space is how much of something a filesystem has.
type Space struct {
	Available int64 // for users without privilege, as the kubelet counts
	Capacity  int64 // 0 where a filesystem does not count it
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

// A FilesystemReader reads one path's filesystem. It is safe for concurrent
// use.
//
// A filesystem may hang for ever (a server gone, a FUSE program stopped), and a
// thread that waits for it cannot be called back. So at most one call per
// reader is under way: whoever reads meanwhile waits for that one, and only
// until its deadline has passed. As soon as the call returns, the next Read
// starts a new one.
type FilesystemReader struct {
	path    string
	timeout time.Duration
	probe   func() (Filesystem, error)

	mu     sync.Mutex
	flight *flight // nil while nobody reads
}

// A flight is one call to the kernel that any number of readers wait for.
// Filesystem and err may be read once done is closed.
type flight struct {
	started  time.Time
	deadline time.Time
	done     chan struct{}
	took     time.Duration
	fs       Filesystem
	err      error
}

// NewFilesystem returns a reader of the filesystem that holds path, which need
// not be a mount point, nor exist yet. A read that takes longer than timeout
// is given up.
func NewFilesystem(path string, timeout time.Duration) *FilesystemReader {
	p := &prober{path: path}
	return &FilesystemReader{path: path, timeout: timeout, probe: p.probe}
}

// Read returns the filesystem as it is now. The error is os.ErrDeadlineExceeded
// where it did not answer in time (at once, when an earlier read is already
// past its deadline), the context's where that ended first.
//
// It costs two system calls, statx and statfs, and the reading of the mount
// table when the path's mount is not the one seen last.
func (r *FilesystemReader) Read(ctx context.Context) (Filesystem, error) {
	return r.wait(ctx, r.start())
}

// start returns the call under way, or begins one.
func (r *FilesystemReader) start() *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight == nil {
		now := time.Now()
		f := &flight{started: now, deadline: now.Add(r.timeout), done: make(chan struct{})}
		r.flight = f
		go r.run(f)
	}
	return r.flight
}

// run is the only place that touches the filesystem.
func (r *FilesystemReader) run(f *flight) {
	began := time.Now()
	f.fs, f.err = r.probe()
	f.fs.At = time.Now()
	f.took = f.fs.At.Sub(began)
	r.mu.Lock()
	r.flight = nil
	r.mu.Unlock()
	close(f.done)
}

func (r *FilesystemReader) wait(ctx context.Context, f *flight) (Filesystem, error) {
	select {
	case <-f.done:
		return f.fs, f.err
	default:
	}
	timer := time.NewTimer(time.Until(f.deadline))
	defer timer.Stop()
	select {
	case <-f.done:
		return f.fs, f.err
	case <-ctx.Done():
		return Filesystem{}, fmt.Errorf("%s: %w", r.path, ctx.Err())
	case <-timer.C:
		return Filesystem{}, fmt.Errorf("%s: filesystem has not answered since %s: %w",
			r.path, f.started.UTC().Format(time.RFC3339), os.ErrDeadlineExceeded)
	}
}
