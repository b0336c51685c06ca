package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A Filler takes space and inodes of the filesystem that Dir is on, as files in
// Dir, until Release. It is for one goroutine at a time.
type Filler struct {
	Dir  string
	next int
}

// errUnsteady is what Leave says when somebody else writes on the disk as well.
var errUnsteady = errors.New("the filesystem does not hold still")

// Take takes bytes more, at once: allocated, not written.
func (f *Filler) Take(bytes int64) error {
	file, err := f.file()
	if err != nil {
		return err
	}
	defer file.Close()
	return allocate(file, 0, bytes)
}

// Leave takes or gives back until exactly available bytes are left: the nearest
// whole block below. It takes as many tries as the filesystem's own bookkeeping
// needs, and fails if somebody else keeps writing.
func (f *Filler) Leave(available int64) error {
	file, err := f.file()
	if err != nil {
		return err
	}
	defer file.Close()
	var size int64
	for range 100 {
		s, err := Stat(f.Dir)
		if err != nil {
			return err
		}
		goal := available - available%s.Block
		more := s.Available - goal
		switch {
		case more == 0:
			return nil
		case more < 0 && size+more < 0:
			return fmt.Errorf("leave %d bytes on %s: only %d are left without this: release some first", available, f.Dir, s.Available)
		case more < 0:
			err = file.Truncate(size + more)
		default:
			err = allocate(file, size, more)
			if errors.Is(err, unix.ENOSPC) && more > s.Block { // xfs wants some for its own while it allocates
				more = (more/2 + s.Block - 1) / s.Block * s.Block
				err = allocate(file, size, more)
			}
		}
		if err != nil {
			return err
		}
		size += more
		if err := unix.Syncfs(int(file.Fd())); err != nil { // what is promised and not yet allocated would move later
			return fmt.Errorf("sync %s: %w", f.Dir, err)
		}
	}
	return fmt.Errorf("leave %d bytes on %s: %w", available, f.Dir, errUnsteady)
}

// Pour takes bytesPerSecond until no more than available bytes are left or ctx
// ends. It goes by the clock: a slow machine takes larger steps.
func (f *Filler) Pour(ctx context.Context, bytesPerSecond, available int64) error {
	file, err := f.file()
	if err != nil {
		return err
	}
	defer file.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	began, size := time.Now(), int64(0)
	for {
		s, err := Stat(f.Dir)
		if err != nil {
			return err
		}
		if s.Available <= available {
			return nil
		}
		due := int64(time.Since(began).Seconds() * float64(bytesPerSecond))
		if more := min(due-size, s.Available-available); more > 0 {
			if err := allocate(file, size, more); err != nil {
				return err
			}
			size += more
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// LeaveInodes takes inodes, as empty files, until exactly free are left.
func (f *Filler) LeaveInodes(free int64) error {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return err
	}
	for range 100 {
		s, err := Stat(f.Dir)
		if err != nil {
			return err
		}
		if s.Free <= free {
			if s.Free < free {
				return fmt.Errorf("leave %d inodes on %s: only %d are left: release some first", free, f.Dir, s.Free)
			}
			return nil
		}
		dir := filepath.Join(f.Dir, "inodes"+strconv.Itoa(f.next))
		if s.Free-free > 1 { // the folder is one
			f.next++
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			s.Free--
		} else {
			dir = f.Dir
		}
		if err := f.empty(dir, s.Free-free); err != nil {
			return err
		}
	}
	return fmt.Errorf("leave %d inodes on %s: %w", free, f.Dir, errUnsteady)
}

// empty makes n empty files in dir, at most 10,000.
func (f *Filler) empty(dir string, n int64) error {
	for range min(n, 10_000) {
		f.next++
		file, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(f.next)), os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		file.Close()
	}
	return nil
}

// Release gives everything back: bytes at once, inodes on xfs a moment later.
func (f *Filler) Release() error {
	files, err := filepath.Glob(filepath.Join(f.Dir, "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Truncate(file, 0); err != nil && !errors.Is(err, unix.EISDIR) { // xfs frees what is unlinked in the background
			return err
		}
	}
	return os.RemoveAll(f.Dir)
}

func (f *Filler) file() (*os.File, error) {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return nil, err
	}
	f.next++
	return os.OpenFile(filepath.Join(f.Dir, strconv.Itoa(f.next)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func allocate(file *os.File, offset, size int64) error {
	if err := unix.Fallocate(int(file.Fd()), 0, offset, size); err != nil {
		return fmt.Errorf("allocate %d bytes in %s: %w", size, file.Name(), err)
	}
	return nil
}
