package node

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

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
	wantGoroutines(t, goroutines)
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

// A server that answers, hangs and answers again, as each role in turn.
func TestRoleWhoseFilesystemHangsComesBack(t *testing.T) {
	for _, roles := range [][]headroom.Filesystem{
		{headroom.NodeFS}, {headroom.ImageFS}, {headroom.ImageFS, headroom.ContainerFS}, headroom.Filesystems,
	} {
		fuse, good := nodetest.NewFUSE(t), nodetest.Tmpfs(t, 1<<20, 0)
		paths := make(map[headroom.Filesystem]string)
		for _, role := range headroom.Filesystems {
			paths[role] = good
		}
		for _, role := range roles {
			paths[role] = fuse.Dir
		}
		n := New(Config{
			Host:    Host{Proc: "testdata/v1/proc", Cgroup: "testdata/v1/cgroup"},
			Facts:   func() Facts { return Facts{Paths: paths, PodCgroups: []string{"/kubepods"}} },
			Timeout: time.Second,
		})
		wantAnswer(t, n, roles)
		fuse.Hang()
		n.Read(t.Context())
		goroutines, threads := runtime.NumGoroutine(), len(threadsOf(t))
		for range 1000 {
			s := n.Read(t.Context())
			if want := 9 - 2*len(roles); len(s.Readings) != want || len(s.Filesystems) != 3-len(roles) {
				t.Fatalf("%v hang: %d signals of %d filesystems", roles, len(s.Readings), len(s.Filesystems))
			}
			for _, r := range s.Readers {
				if hangs := slices.Contains(roles, headroom.Filesystem(r.Name)); hangs != errors.Is(r.Err, os.ErrDeadlineExceeded) {
					t.Fatalf("%v hang: reader %s: %v", roles, r.Name, r.Err)
				}
			}
		}
		wantGoroutines(t, goroutines)
		if now := len(threadsOf(t)); now > threads+8 {
			t.Errorf("%v hang: threads grew from %d to %d over 1000 reads", roles, threads, now)
		}
		fuse.Answer()
		wantAnswer(t, n, roles)
	}
}

// wantAnswer waits until all signals are read, and looks at the roles that hang
// at times.
func wantAnswer(t *testing.T, n *Node, roles []headroom.Filesystem) {
	t.Helper()
	s := n.Read(t.Context())
	for deadline := time.Now().Add(patience); len(s.Readings) < 9 && time.Now().Before(deadline); {
		s = n.Read(t.Context())
	}
	if len(s.Readings) != 9 {
		t.Fatalf("got %+v", s)
	}
	for _, role := range roles {
		fs := s.Filesystems[role]
		if (fs.Bytes != Space{nodetest.FUSEAvailable, nodetest.FUSECapacity} || fs.Inodes != Space{nodetest.FUSEInodesFree, nodetest.FUSEInodes}) {
			t.Errorf("%s is %+v", role, fs)
		}
	}
}

// wantGoroutines waits until those that have answered are gone, and the rest are
// no more than there were.
func wantGoroutines(t *testing.T, most int) {
	t.Helper()
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > most; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("goroutines grew from %d to %d", most, runtime.NumGoroutine())
		}
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
