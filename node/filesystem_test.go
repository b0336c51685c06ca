package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

const patience = time.Minute // for what answers at once

func TestFilesystemIsReadAsItFills(t *testing.T) {
	dir := nodetest.Tmpfs(t, 8<<20, 100)
	r := NewFilesystem(dir, patience)
	for i, size := range []int{0, 1 << 20, 3 << 20} {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var want unix.Statfs_t
		if err := unix.Statfs(dir, &want); err != nil {
			t.Fatal(err)
		}
		if got.Bytes != (Space{int64(want.Bavail) * want.Frsize, int64(want.Blocks) * want.Frsize}) {
			t.Errorf("after %d bytes: bytes %+v, statfs %+v", size, got.Bytes, want)
		}
		if got.Inodes != (Space{int64(want.Ffree), int64(want.Files)}) {
			t.Errorf("after %d bytes: inodes %+v, statfs %+v", size, got.Inodes, want)
		}
		if got.Bytes.Capacity != 8<<20 || got.Inodes.Capacity != 100 {
			t.Errorf("capacity is %+v, %+v", got.Bytes, got.Inodes)
		}
	}
}

func TestFullFilesystemIsReadAsZero(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 2<<20), 0o644); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the filesystem did not fill: %v", err)
	}
	got, err := NewFilesystem(dir, patience).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Bytes != (Space{0, 1 << 20}) {
		t.Errorf("bytes are %+v", got.Bytes)
	}
}

func TestPathNeedNotBeAMountPoint(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	sub := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(sub, link); err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(dir, &stat); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, sub, link} {
		got, err := NewFilesystem(path, patience).Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Path != path || got.Mountpoint != dir || got.Type != "tmpfs" || got.Device != "tmpfs" {
			t.Errorf("%s: got %+v", path, got)
		}
		if (got.Disk != Disk{unix.Major(stat.Dev), unix.Minor(stat.Dev)}) {
			t.Errorf("%s: disk is %s", path, got.Disk)
		}
	}
}

func TestMountOverThePathIsSeen(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	r := NewFilesystem(dir, patience)
	before, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Mount(t, "over", dir, "tmpfs", "size=2m")
	after, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Device != "over" || after.Disk == before.Disk || after.Bytes.Capacity != 2<<20 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestAbsentPathIsAnErrorUntilItIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "later")
	r := NewFilesystem(path, patience)
	if _, err := r.Read(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestHungFilesystemCostsOneThreadAndRecovers(t *testing.T) {
	dir, release := nodetest.HungFS(t)
	r := NewFilesystem(dir, time.Millisecond)
	read := func() {
		if _, err := r.Read(t.Context()); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
	}
	read()
	stuck := r.start()
	goroutines := runtime.NumGoroutine()
	threads := len(threadsOf(t))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				read()
			}
		})
	}
	all.Wait()
	if r.start() != stuck {
		t.Error("a second call was made while the first one hung")
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("goroutines grew from %d to %d", goroutines, now)
	}
	// The runtime may start a few of its own; what must not be is one per read.
	if now := len(threadsOf(t)); now > threads+8 {
		t.Errorf("threads grew from %d to %d over 400 reads", threads, now)
	}

	r.timeout = patience
	release()
	<-stuck.done
	if _, err := r.Read(t.Context()); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after its server died the error is %v", err)
	}
	nodetest.Mount(t, "good", dir, "tmpfs", "size=1m")
	got, err := r.Read(t.Context())
	if err != nil || got.Bytes.Capacity != 1<<20 {
		t.Errorf("with a good filesystem in its place: %+v, %v", got, err)
	}
}

func TestReaderThatIsCancelledDoesNotWaitForTheDeadline(t *testing.T) {
	dir, _ := nodetest.HungFS(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewFilesystem(dir, patience).Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestNodeReadsTheRestOfAHungNode(t *testing.T) {
	hung, _ := nodetest.HungFS(t)
	good := nodetest.Tmpfs(t, 1<<20, 0)
	n := New(Config{
		Host: Host{Proc: "testdata/v1/proc", Cgroup: "testdata/v1/cgroup"},
		Paths: map[headroom.Filesystem]string{
			headroom.NodeFS:      hung,
			headroom.ImageFS:     good,
			headroom.ContainerFS: good + "/",
		},
		Timeout: time.Second,
	})
	for range 200 {
		s := n.Read(t.Context())
		var signals []headroom.Signal
		for _, r := range s.Readings {
			signals = append(signals, r.Signal)
		}
		want := []headroom.Signal{"memory.available", "imagefs.available", "imagefs.inodesFree", "containerfs.available", "containerfs.inodesFree", "pid.available"}
		if !slices.Equal(signals, want) {
			t.Fatalf("signals are %q", signals)
		}
		for _, result := range s.Readers {
			if hung := result.Name == "nodefs"; hung != errors.Is(result.Err, os.ErrDeadlineExceeded) {
				t.Fatalf("reader %s: %v", result.Name, result.Err)
			}
		}
		if _, ok := s.Filesystems[headroom.NodeFS]; ok {
			t.Fatal("a hung filesystem was read")
		}
	}
	if _, err := n.Signal(t.Context(), headroom.NodeFSInodesFree); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the hung signal: %v", err)
	}
	if r, err := n.Signal(t.Context(), headroom.ImageFSAvailable); err != nil || r.Capacity != 1<<20 {
		t.Errorf("a good signal: %+v, %v", r, err)
	}
}

func TestRolesOfOnePathAreOneRead(t *testing.T) {
	n := New(Config{Paths: map[headroom.Filesystem]string{"nodefs": "/tmp", "imagefs": "/tmp/", "containerfs": "/tmp/."}})
	flights := n.start()
	if flights[0] != flights[1] || flights[1] != flights[2] {
		t.Error("more than one read is under way")
	}
}

func threadsOf(t *testing.T) []os.DirEntry {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return tasks
}
