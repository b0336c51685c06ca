package remediator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// Fillers are several who take all that a disk has of a unit, and then, at once,
// whatever is freed there, up to a bound: for ever nobody could be helped.
type fillers struct {
	disk  string
	unit  headroom.Unit
	files atomic.Int64
	more  atomic.Int64 // what they may still take once the disk is full
	took  atomic.Int64 // of that
	stop  func() (took int64)
}

func newFillers(disk string, unit headroom.Unit) *fillers { return &fillers{disk: disk, unit: unit} }

// fill takes what there is.
func (f *fillers) fill(t *testing.T) {
	t.Helper()
	for size := 1 << 20; size > 0; {
		n, err := f.take(size)
		switch {
		case err != nil && !errors.Is(err, unix.ENOSPC):
			t.Fatal(err)
		case n == 0:
			size /= 2
		}
	}
}

// goOn lets three of them take that much more, until stop.
func (f *fillers) goOn(t *testing.T, more int64) {
	f.more.Store(more)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for ; ctx.Err() == nil && f.more.Load() > 0; time.Sleep(time.Millisecond) {
				n, err := f.take(64 << 10)
				f.more.Add(-n)
				f.took.Add(n)
				if err != nil && !errors.Is(err, unix.ENOSPC) {
					t.Error(err)
					return
				}
			}
		})
	}
	f.stop = sync.OnceValue(func() int64 {
		cancel()
		all.Wait()
		return f.took.Load()
	})
	t.Cleanup(func() { f.stop() })
}

// take appends so many bytes to one file, or as many as there are; or it makes
// an empty file.
func (f *fillers) take(size int) (took int64, err error) {
	if f.unit == headroom.Inodes {
		path := filepath.Join(f.disk, fmt.Sprintf("filler-%d", f.files.Add(1)))
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return 0, err
		}
		return 1, file.Close()
	}
	file, err := os.OpenFile(filepath.Join(f.disk, "filler"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := file.Write(make([]byte, size))
	return int64(n), errors.Join(err, file.Close())
}
