//go:build e2e

package disk_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
)

// In namespaces of its own, whatever happens here leaves no mount.
func TestMain(m *testing.M) { os.Exit(cluster.Main(m.Run)) }

// kinds are filesystems that behave differently when they are filled.
var kinds = map[string]struct {
	kind    string
	options []string
}{
	"ext4":                   {"ext4", nil},
	"ext4 of small blocks":   {"ext4", []string{"-b", "1024"}},
	"ext4 that reserves 10%": {"ext4", []string{"-m", "10"}},
	"xfs":                    {"xfs", nil},
}

func mounted(t *testing.T, kind string, size int64, options []string) string {
	t.Helper()
	dir := t.TempDir()
	image, path := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := disk.Format(image, kind, size, options...); err != nil {
		t.Fatal(err)
	}
	if err := disk.Mount(image, path, kind, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
	return path
}

func stat(t *testing.T, path string) disk.Space {
	t.Helper()
	s, err := disk.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestADiskIsLeftExactlyAsFullAsAskedFor(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			path := mounted(t, k.kind, 400<<20, k.options)
			empty := stat(t, path)
			fill := &disk.Filler{Dir: filepath.Join(path, "fill")}
			for _, available := range []int64{100 << 20, 50<<20 + 1, 10<<20 + 12345, 10 << 20, 10<<20 - empty.Block, 1 << 20} {
				if err := fill.Leave(available); err != nil {
					t.Fatal(err)
				}
				if got, want := stat(t, path).Available, available-available%empty.Block; got != want {
					t.Errorf("%d are available, want %d", got, want)
				}
			}
			if err := fill.Leave(50 << 20); err == nil || !strings.Contains(err.Error(), "release") {
				t.Errorf("what others took is given back: %v", err)
			}
			if err := fill.Release(); err != nil {
				t.Fatal(err)
			}
			if got := stat(t, path).Available; got < empty.Available-empty.Available/50 {
				t.Errorf("%d are available, before %d", got, empty.Available)
			}
		})
	}
}

func TestTakeTakesAtOnceAndNoLess(t *testing.T) {
	path := mounted(t, "ext4", 100<<20, nil)
	before := stat(t, path).Available
	fill := &disk.Filler{Dir: filepath.Join(path, "fill")}
	for range 2 {
		if err := fill.Take(20 << 20); err != nil {
			t.Fatal(err)
		}
	}
	if taken := before - stat(t, path).Available; taken < 40<<20 || taken > 41<<20 {
		t.Errorf("%d bytes were taken", taken)
	}
}

func TestPourEndsWhereItShouldAndWhenItIsTold(t *testing.T) {
	path := mounted(t, "ext4", 100<<20, nil)
	fill := &disk.Filler{Dir: filepath.Join(path, "fill")}
	if err := fill.Pour(t.Context(), 200<<20, 30<<20); err != nil {
		t.Fatal(err)
	}
	if got := stat(t, path).Available; got > 30<<20 || got < 29<<20 {
		t.Errorf("%d are available", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fill.Pour(ctx, 1, 0); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

func TestInodesAreTakenExactly(t *testing.T) {
	path := mounted(t, "ext4", 100<<20, nil)
	before := stat(t, path)
	fill := &disk.Filler{Dir: filepath.Join(path, "fill")}
	for _, free := range []int64{before.Inodes / 2, 100, 1} {
		if err := fill.LeaveInodes(free); err != nil {
			t.Fatal(err)
		}
		if got := stat(t, path).Free; got != free {
			t.Errorf("%d inodes are free, want %d", got, free)
		}
	}
	if err := fill.LeaveInodes(50); err == nil {
		t.Error("inodes are given back")
	}
	if err := fill.Release(); err != nil {
		t.Fatal(err)
	}
	if got := stat(t, path).Free; got != before.Free {
		t.Errorf("%d inodes are free, before %d", got, before.Free)
	}
}
