//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/disk"
)

// A walker takes a filesystem to a precise number that is left, up and down.
type walker interface {
	to(available int64) error
	step() int64 // the smallest there is
}

// blocks walks by the length of a file.
type blocks struct {
	file        *os.File
	size, block int64
}

func byBlocks(t *testing.T, f *disk.Filler) walker {
	t.Helper()
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(f.Dir, "walk"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	s, err := disk.Stat(f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return &blocks{file, 0, s.Block}
}

func (b *blocks) step() int64 { return b.block }

func (b *blocks) to(available int64) error {
	for range 100 {
		s, err := disk.Stat(b.file.Name())
		if err != nil || s.Available == available {
			return err
		}
		size := b.size + s.Available - available
		if size > b.size {
			err = unix.Fallocate(int(b.file.Fd()), 0, b.size, size-b.size)
		} else {
			err = b.file.Truncate(size)
		}
		if err != nil {
			return err
		}
		b.size = size
		if err := unix.Syncfs(int(b.file.Fd())); err != nil { // what is promised and not yet allocated would move later
			return err
		}
	}
	return fmt.Errorf("%s: the filesystem does not hold still", b.file.Name())
}

// inodes walks by files without content.
type inodes struct {
	filler *disk.Filler
	steps  []string
}

func byInodes(t *testing.T, f *disk.Filler) walker {
	t.Helper()
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return &inodes{filler: f}
}

func (i *inodes) step() int64 { return 1 }

func (i *inodes) to(free int64) error {
	for {
		s, err := disk.Stat(i.filler.Dir)
		if err != nil || s.Free == free {
			return err
		}
		switch over := s.Free - free; {
		case over > 100:
			err = i.filler.LeaveInodes(free + 100)
		case over > 0:
			name := filepath.Join(i.filler.Dir, "walk"+strings.Repeat("-", len(i.steps)))
			i.steps = append(i.steps, name)
			err = os.WriteFile(name, nil, 0o600)
		default:
			name := i.steps[len(i.steps)-1]
			i.steps = i.steps[:len(i.steps)-1]
			err = os.Remove(name)
		}
		if err != nil {
			return err
		}
	}
}
