package node

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

// A filledDisk is a real filesystem of a kind that counts in its own way.
type filledDisk struct {
	dir  string
	file *os.File
	size int64
}

// fillDisk makes one, and checks at each step that what is read is what the
// kernel says. ok is false where this machine has none of the type.
func fillDisk(t *testing.T, fstype string, size int64, args ...string) (d *filledDisk, ok bool) {
	t.Helper()
	dir, ok := nodetest.Disk(t, fstype, size, args...)
	if !ok {
		t.Logf("no %s can be mounted here: only its numbers as a table are checked", fstype)
		return nil, false
	}
	file, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() }) // before the unmount
	return &filledDisk{dir: dir, file: file}, true
}

// take takes n bytes more, as root: what is kept for root, too.
func (d *filledDisk) take(t *testing.T, n int64) error {
	t.Helper()
	err := unix.Fallocate(int(d.file.Fd()), 0, d.size, n)
	if err == nil {
		d.size += n
	} else if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return err
}

// read reads the filesystem while it holds still, beside the kernel's own numbers.
func (d *filledDisk) read(t *testing.T) (Filesystem, unix.Statfs_t) {
	t.Helper()
	for r := NewFilesystem(d.dir, patience); ; {
		var before, after unix.Statfs_t
		if err := unix.Statfs(d.dir, &before); err != nil {
			t.Fatal(err)
		}
		got, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Statfs(d.dir, &after); err != nil {
			t.Fatal(err)
		}
		if before == after {
			return got, after
		}
	}
}

// Containers are refused room while a twentieth of the disk is free, and the
// kubelet counts what containers can have.
func TestBlocksKeptForRootAreNotAvailable(t *testing.T) {
	d, ok := fillDisk(t, "ext4", 64<<20, "-q", "-m", "5", "-E", "lazy_itable_init=0,lazy_journal_init=0")
	if !ok {
		return
	}
	got, fs := d.read(t)
	free, kept := int64(fs.Bfree)*fs.Frsize, int64(fs.Bfree-fs.Bavail)*fs.Frsize
	if kept < 2<<20 {
		t.Fatalf("only %d bytes are kept for root: %+v", kept, fs)
	}
	if got.Bytes.Available != free-kept || got.Bytes.Capacity != int64(fs.Blocks)*fs.Frsize || got.Type != "ext4" {
		t.Errorf("got %+v, statfs %+v", got, fs)
	}
	if got.Inodes != (Space{int64(fs.Ffree), int64(fs.Files)}) {
		t.Errorf("inodes are %+v, statfs %+v", got.Inodes, fs)
	}
	if err := d.take(t, free-kept/2); err != nil {
		t.Fatal(err)
	}
	got, fs = d.read(t)
	if fs.Bfree == 0 || got.Bytes.Available != 0 {
		t.Errorf("with only what is kept for root left: %+v, statfs %+v", got.Bytes, fs)
	}
}

func TestInodesOfExt4EndWithRoomLeft(t *testing.T) {
	d, ok := fillDisk(t, "ext4", 16<<20, "-q", "-m", "0", "-N", "64")
	if !ok {
		return
	}
	before, _ := d.read(t)
	var err error
	for i := int64(0); i <= before.Inodes.Capacity && err == nil; i++ {
		_, err = os.MkdirTemp(d.dir, "")
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the inodes did not end: %v", err)
	}
	got, _ := d.read(t)
	if got.Inodes != (Space{0, before.Inodes.Capacity}) || got.Bytes.Available == 0 {
		t.Errorf("got %+v, before %+v", got, before)
	}
}

// Its inodes are made of free space: what a percentage is taken of shrinks with it.
func TestInodesOfXFSAreAsManyAsThereIsRoomFor(t *testing.T) {
	d, ok := fillDisk(t, "xfs", 400<<20, "-q")
	if !ok {
		return
	}
	before, fs := d.read(t)
	if before.Inodes != (Space{int64(fs.Ffree), int64(fs.Files)}) || before.Inodes.Available <= 0 {
		t.Errorf("got %+v, statfs %+v", before, fs)
	}
	if err := d.take(t, before.Bytes.Available/100*97); err != nil {
		t.Fatal(err)
	}
	got, fs := d.read(t)
	if got.Inodes != (Space{int64(fs.Ffree), int64(fs.Files)}) || got.Bytes.Available != int64(fs.Bavail)*fs.Frsize {
		t.Errorf("got %+v, statfs %+v", got, fs)
	}
	if got.Inodes.Capacity > before.Inodes.Capacity/2 {
		t.Errorf("inodes were %+v, and are %+v with 3 %% left", before.Inodes, got.Inodes)
	}
}

func TestInodesThatAreNotCountedAreNone(t *testing.T) {
	dir := t.TempDir()
	nodetest.Mount(t, "tmpfs", dir, "tmpfs", "size=1m,nr_inodes=0")
	got, err := NewFilesystem(dir, patience).Read(t.Context())
	if err != nil || got.Inodes != (Space{}) || got.Bytes.Capacity != 1<<20 {
		t.Errorf("tmpfs: %+v, %v", got, err)
	}
	d, ok := fillDisk(t, "btrfs", 128<<20, "-q")
	if !ok {
		return
	}
	got, fs := d.read(t)
	if got.Inodes != (Space{}) || got.Bytes.Available != int64(fs.Bavail)*fs.Frsize || got.Bytes.Available <= 0 {
		t.Errorf("btrfs: %+v, statfs %+v", got, fs)
	}
}
