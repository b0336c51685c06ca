package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
