package journal

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom"
)

// A faulty file fails when it is told to.
type faulty struct {
	file
	mu    sync.Mutex
	write error // of the next write, of which half arrives
	sync  error // of the next sync
	every bool  // not only of the next
}

func (f *faulty) set(write, sync error, every bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write, f.sync, f.every = write, sync, every
}

func (f *faulty) take(err *error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := *err
	if !f.every {
		*err = nil
	}
	return e
}

func (f *faulty) WriteAt(b []byte, offset int64) (int, error) {
	if err := f.take(&f.write); err != nil {
		f.file.WriteAt(b[:len(b)/2], offset)
		return len(b) / 2, err
	}
	return f.file.WriteAt(b, offset)
}

func (f *faulty) Sync() error {
	if err := f.take(&f.sync); err != nil {
		return err
	}
	return f.file.Sync()
}

func TestFailedWriteFailsItsCallerAndLosesNothing(t *testing.T) {
	for sentence, inject := range map[string]func(*faulty){
		"write fails once":         func(f *faulty) { f.set(unix.EIO, nil, false) },
		"sync fails once":          func(f *faulty) { f.set(nil, unix.EIO, false) },
		"no space for a write":     func(f *faulty) { f.set(unix.ENOSPC, nil, false) },
		"write fails for a while":  func(f *faulty) { f.set(unix.EIO, nil, true) },
		"sync fails for a while":   func(f *faulty) { f.set(nil, unix.EIO, true) },
		"all of it fails, for now": func(f *faulty) { f.set(unix.EIO, unix.EIO, true) },
	} {
		t.Run(sentence, func(t *testing.T) {
			path, f := filepath.Join(t.TempDir(), "journal"), &faulty{}
			j := open(t, path, Options{Size: MinSize, wrap: func(g file) file { f.file = g; return f }})
			kept := 0
			for n := range 200 {
				f.set(nil, nil, false)
				ask(t, j, request("kept", n))
				kept = n
				inject(f)
				for range 1 + n%3 {
					err := j.Request(t.Context(), []headroom.Request{request("lost", n)})
					if err == nil && f.every {
						t.Fatal("a request succeeded that cannot be durable")
					}
					if err != nil && !errors.Is(err, unix.EIO) && !errors.Is(err, unix.ENOSPC) {
						t.Fatal(err)
					}
				}
				if n%20 == 0 {
					crashed(t, path, kept)
				}
			}
			if j.Errors() < 200 {
				t.Errorf("%d errors were counted", j.Errors())
			}
			if got := j.state.request(t, "kept"); got != kept {
				t.Errorf("Load has %d, want %d", got, kept)
			}
		})
	}
}

// crashed wants the file, as it is now, to be sound and to hold request n.
func crashed(t *testing.T, path string, n int) {
	t.Helper()
	if got := sound(t, contents(t, path)).request(t, "kept"); got != n {
		t.Fatalf("the file has request %d, %d was acknowledged", got, n)
	}
}

func TestOpenFailsWhenNothingCanBeWritten(t *testing.T) {
	path := filled(t, 3)
	before := contents(t, path)
	_, err := Open(path, Options{wrap: func(f file) file { return &faulty{file: f, write: unix.EIO, every: true} }})
	if !errors.Is(err, unix.EIO) {
		t.Fatalf("Open: %v, want an I/O error", err)
	}
	j := open(t, path, Options{})
	if n := len(j.state.entries); n != 3 || j.SetAside() != "" {
		t.Errorf("%d entries, set aside %q; want 3 and nothing", n, j.SetAside())
	}
	if len(before) != len(contents(t, path)) {
		t.Error("the file's size has changed")
	}
}

// A spot is a place on the disk that takes no writes.
type spot struct {
	file
	at int64
}

func (s spot) WriteAt(b []byte, offset int64) (int, error) {
	if offset <= s.at && s.at < offset+int64(len(b)) {
		return 0, unix.EIO
	}
	return s.file.WriteAt(b, offset)
}

func TestBadSpotCostsOneBatchAndTheOtherRegionIsUsed(t *testing.T) {
	path := filled(t, 3)
	l := layoutOf(MinSize)
	j := open(t, path, Options{wrap: func(f file) file { return spot{f, l.start(0) + 5*block} }}) // in the region that Open goes to
	failed := 0
	for n := range 30 {
		if err := j.Request(t.Context(), []headroom.Request{request("n1", n)}); err != nil {
			failed++
		}
	}
	if failed != 1 || j.Errors() != 1 {
		t.Errorf("%d requests failed, %d errors were counted; want 1", failed, j.Errors())
	}
	j.Close()
	wantRequests(t, open(t, path, Options{}).state, map[string]int{"n1": 29, "node-2": 1})
}
