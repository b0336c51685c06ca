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
	"strings"
	"sync"
	"sync/atomic"
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
		Facts: Fixed(map[headroom.Filesystem]string{
			headroom.NodeFS:      hung,
			headroom.ImageFS:     good,
			headroom.ContainerFS: good + "/",
		}),
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
			if result.Duration <= 0 {
				t.Errorf("reader %s took %s", result.Name, result.Duration)
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

// A /proc can be a FUSE filesystem, too: lxcfs puts one into containers.
func TestNodeReadsTheRestWhereProcfsHangs(t *testing.T) {
	hung, _ := nodetest.HungFS(t)
	good := nodetest.Tmpfs(t, 1<<20, 0)
	n := New(Config{
		Host:    Host{Proc: hung, Cgroup: hung},
		Facts:   Fixed(map[headroom.Filesystem]string{headroom.NodeFS: good}),
		Timeout: time.Second,
	})
	threads := len(threadsOf(t))
	for range 100 {
		s := n.Read(t.Context())
		for _, result := range s.Readers {
			if hung := result.Name != "nodefs"; hung != errors.Is(result.Err, os.ErrDeadlineExceeded) {
				t.Fatalf("reader %s: %v", result.Name, result.Err)
			}
		}
		if len(s.Readers) != 3 || len(s.Readings) != 2 {
			t.Fatalf("got %+v", s)
		}
	}
	if now := len(threadsOf(t)); now > threads+8 {
		t.Errorf("threads grew from %d to %d over 100 reads", threads, now)
	}
	for _, signal := range []headroom.Signal{headroom.MemoryAvailable, headroom.PIDAvailable} {
		if _, err := n.Signal(t.Context(), signal); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", signal, err)
		}
	}
}

func TestSignalIsReadByItself(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 100)
	n := New(Config{
		Host:    Host{Proc: "testdata/v1/proc", Cgroup: "testdata/v1/cgroup"},
		Facts:   Fixed(map[headroom.Filesystem]string{headroom.NodeFS: dir}),
		Timeout: patience,
	})
	for signal, want := range map[headroom.Signal]int64{
		headroom.MemoryAvailable: 25276502016, headroom.PIDAvailable: 32768,
		headroom.NodeFSAvailable: 1 << 20, headroom.NodeFSInodesFree: 100,
	} {
		r, err := n.Signal(t.Context(), signal)
		if err != nil || r.Signal != signal || r.Capacity != want || r.At.IsZero() {
			t.Errorf("%s: got %+v, %v, want a capacity of %d", signal, r, err, want)
		}
	}
	for signal, want := range map[headroom.Signal]string{
		headroom.AllocatableMemoryAvailable: "allocatableMemory.available: not a signal that is read",
		headroom.ImageFSAvailable:           "imagefs: no path is configured",
	} {
		if _, err := n.Signal(t.Context(), signal); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", signal, err, want)
		}
	}
}

func TestRolesOfOnePathAreOneRead(t *testing.T) {
	n := New(Config{Facts: Fixed(map[headroom.Filesystem]string{"nodefs": "/tmp", "imagefs": "/tmp/", "containerfs": "/tmp/."}), Timeout: patience})
	var reads atomic.Int32
	n.roles[0].reader.call = func() (Filesystem, error) {
		reads.Add(1)
		return Filesystem{Path: "/tmp"}, nil
	}
	for i := range int32(100) {
		s := n.Read(t.Context())
		for _, role := range headroom.Filesystems {
			if s.Filesystems[role].Path != "/tmp" {
				t.Fatalf("%s is %+v", role, s.Filesystems[role])
			}
		}
		if got := reads.Load(); got != i+1 {
			t.Fatalf("%d reads in %d", got, i+1)
		}
	}
}

func TestRoleThatIsLeftOutHasNoReader(t *testing.T) {
	n := New(Config{Facts: Fixed(map[headroom.Filesystem]string{"imagefs": "/tmp"}), Timeout: patience})
	var names []string
	for _, r := range n.Read(t.Context()).Readers {
		names = append(names, r.Name)
	}
	if want := []string{"memory", "imagefs", "pid"}; !slices.Equal(names, want) {
		t.Errorf("readers are %q, want %q", names, want)
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
