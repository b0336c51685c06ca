package node

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

type rolePaths = map[headroom.Filesystem]string

func TestPathThatChangesIsReadAtOnce(t *testing.T) {
	small, large := nodetest.Tmpfs(t, 1<<20, 0), nodetest.Tmpfs(t, 2<<20, 0)
	facts := Facts{Paths: rolePaths{"nodefs": small}}
	n := New(Config{
		Host:  Host{Proc: "testdata/v1/proc", Cgroup: "testdata/v1/cgroup"},
		Facts: func() Facts { return facts }, Timeout: patience,
	})
	for _, c := range []struct {
		paths rolePaths
		kept  []string // readers
	}{
		{rolePaths{"nodefs": small}, []string{small}},
		{rolePaths{"nodefs": large + "/."}, []string{large}},
		{rolePaths{"nodefs": small, "imagefs": large}, []string{small, large}},
		{rolePaths{"nodefs": small, "imagefs": small + "/", "containerfs": large}, []string{small, large}},
		{rolePaths{"containerfs": large}, []string{large}},
		{rolePaths{"nodefs": ""}, nil},
		{nil, nil},
		{rolePaths{"imagefs": large}, []string{large}},
	} {
		facts.Paths = c.paths
		s := n.Read(t.Context())
		for _, role := range headroom.Filesystems {
			want := map[string]int64{small: 1 << 20, large: 2 << 20}[filepath.Clean(c.paths[role])]
			if got := s.Filesystems[role].Bytes.Capacity; got != want {
				t.Errorf("%v: %s has %d, want %d", c.paths, role, got, want)
			}
			fs, err := n.Filesystem(t.Context(), role)
			if (err == nil) != (want > 0) || fs.Bytes.Capacity != want {
				t.Errorf("%v: %s by itself is %+v, %v", c.paths, role, fs, err)
			}
		}
		slices.Sort(c.kept)
		if kept := slices.Sorted(maps.Keys(n.filesystems.byPath)); !slices.Equal(kept, c.kept) {
			t.Errorf("%v: readers of %q are kept, want %q", c.paths, kept, c.kept)
		}
	}
}

// As when a runtime that hangs is configured anew, back and forth.
func TestHungPathThatComesAndGoesCostsOneThread(t *testing.T) {
	hung, good := nodetest.NewFUSE(t), nodetest.Tmpfs(t, 1<<20, 0)
	hung.Hang()
	facts := Facts{Paths: rolePaths{"imagefs": hung.Dir}}
	n := New(Config{
		Host:  Host{Proc: "testdata/v1/proc", Cgroup: "testdata/v1/cgroup"},
		Facts: func() Facts { return facts }, Timeout: time.Second,
	})
	n.Read(t.Context())
	stuck := n.filesystems.byPath[hung.Dir].start()
	goroutines, threads := runtime.NumGoroutine(), len(threadsOf(t))
	for i := range 1000 {
		facts.Paths = []rolePaths{{"imagefs": hung.Dir}, {"imagefs": good}, {}}[i%3]
		s := n.Read(t.Context())
		if fs, ok := s.Filesystems[headroom.ImageFS]; ok != (i%3 == 1) || ok && fs.Path != good {
			t.Fatalf("%v: got %+v", facts.Paths, s)
		}
	}
	if n.filesystems.byPath[hung.Dir].start() != stuck {
		t.Error("a second call was made while the first one hung")
	}
	wantGoroutines(t, goroutines)
	if now := len(threadsOf(t)); now > threads+8 {
		t.Errorf("threads grew from %d to %d over 1000 reads", threads, now)
	}

	hung.Answer()
	<-stuck.done
	facts.Paths = rolePaths{"imagefs": good}
	n.Read(t.Context())
	if kept := slices.Collect(maps.Keys(n.filesystems.byPath)); !slices.Equal(kept, []string{good}) {
		t.Errorf("after it answered, readers of %q are kept", kept)
	}
}

func TestHungPathsAreBoundedHoweverManyAreNamed(t *testing.T) {
	fuse, good := nodetest.NewFUSE(t), nodetest.Tmpfs(t, 1<<20, 0)
	fuse.Hang()
	facts := Facts{}
	n := New(Config{
		Host:  Host{Proc: "testdata/v1/proc", Cgroup: "testdata/v1/cgroup"},
		Facts: func() Facts { return facts }, Timeout: time.Millisecond,
	})
	read := func() (ReaderResult, Snapshot) {
		s := n.Read(t.Context())
		i := slices.IndexFunc(s.Readers, func(r ReaderResult) bool { return r.Name == "nodefs" })
		return s.Readers[i], s
	}
	// Many names of one place: each is a path of its own.
	for i := range 2 * maxReaders {
		link := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.Symlink(fuse.Dir, link); err != nil {
			t.Fatal(err)
		}
		facts.Paths = rolePaths{"nodefs": link}
		r, _ := read()
		if errors.Is(r.Err, os.ErrDeadlineExceeded) != (i < maxReaders) || strings.Contains(r.Err.Error(), "hang already") != (i >= maxReaders) {
			t.Errorf("path %d: %v", i, r.Err)
		}
		if len(n.filesystems.byPath) > maxReaders {
			t.Fatalf("%d readers are kept", len(n.filesystems.byPath))
		}
	}
	fuse.Answer()
	facts.Paths = rolePaths{"nodefs": good}
	for deadline := time.Now().Add(patience); ; {
		r, s := read()
		if r.Err == nil && s.Filesystems[headroom.NodeFS].Path == good {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after they answered: %v", r.Err)
		}
	}
}

// For the race detector, and to see that no reader gets lost.
func TestFactsMayChangeUnderManyWhoRead(t *testing.T) {
	a, b := nodetest.Tmpfs(t, 1<<20, 0), nodetest.Tmpfs(t, 1<<20, 0)
	var mu sync.Mutex
	turn := 0
	n := New(Config{
		Host: Host{Proc: "testdata/v2/proc", Cgroup: "testdata/v2/cgroup"},
		Facts: func() Facts {
			mu.Lock()
			defer mu.Unlock()
			turn++
			return []Facts{
				{Paths: rolePaths{"nodefs": a, "imagefs": b}, PodCgroups: []string{"/kubepods.slice"}},
				{Paths: rolePaths{"nodefs": b, "imagefs": b, "containerfs": a}, HugePages: true},
				{Paths: rolePaths{"nodefs": a}, PodCgroups: []string{"/kubepods", "/kubepods.slice"}},
			}[turn%3]
		},
		Timeout: patience,
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				for _, r := range n.Read(t.Context()).Readers {
					if r.Err != nil {
						t.Errorf("reader %s: %v", r.Name, r.Err)
					}
				}
				if _, err := n.Signal(t.Context(), headroom.NodeFSAvailable); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
