package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestSpaceIsCountedAsTheKubeletCounts(t *testing.T) {
	for name, c := range map[string]struct {
		fs            unix.Statfs_t
		bytes, inodes Space
	}{
		"blocks kept for root are not available, and their size is f_frsize": {
			unix.Statfs_t{Bsize: 4096, Frsize: 1024, Blocks: 235431, Bfree: 235416, Bavail: 218213, Files: 65536, Ffree: 65524},
			Space{223450112, 241081344}, Space{65524, 65536},
		},
		"a filesystem that counts no inodes": {
			unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 10, Bfree: 5, Bavail: 5},
			Space{20480, 40960}, Space{},
		},
		"one that says it has more inodes than can be counted": {
			unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 10, Bfree: 5, Bavail: 5, Files: 1<<64 - 1, Ffree: 1<<64 - 1},
			Space{20480, 40960}, Space{-1, -1},
		},
		"one that has eaten into what is kept for root": {
			unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 10, Bfree: 1, Bavail: 1<<64 - 2, Files: 10, Ffree: 5},
			Space{-8192, 40960}, Space{5, 10},
		},
		"one that holds nothing": {unix.Statfs_t{Bsize: 4096, Frsize: 4096}, Space{}, Space{}},
	} {
		t.Run(name, func(t *testing.T) {
			if bytes, inodes := spaces(c.fs); bytes != c.bytes || inodes != c.inodes {
				t.Errorf("got %+v and %+v, want %+v and %+v", bytes, inodes, c.bytes, c.inodes)
			}
		})
	}
}

func TestMountIDIsUsedOnlyWhereTheKernelTellsIt(t *testing.T) {
	for mask, want := range map[uint32]uint64{unix.STATX_TYPE: 0, unix.STATX_TYPE | unix.STATX_MNT_ID: 42} {
		if got := mountID(&unix.Statx_t{Mask: mask, Mnt_id: 42}); got != want {
			t.Errorf("mask %#x: mount ID is %d, want %d", mask, got, want)
		}
	}
}

// As /proc/1/root is, by which a container reaches the host's filesystems.
func TestPathThatOnlyTheKernelCanFollowIsRead(t *testing.T) {
	top := nodetest.Tmpfs(t, 1<<20, 0)
	dir := filepath.Join(top, "removed")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	got, err := NewFilesystem(fmt.Sprintf("/proc/self/fd/%d", open.Fd()), patience).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Bytes.Capacity != 1<<20 || got.Mountpoint != top {
		t.Errorf("got %+v, want the filesystem at %s", got, top)
	}
}

func TestDetachedMountIsReadWithoutItsPlace(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	if err := unix.Mount("over", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	got, err := NewFilesystem(fmt.Sprintf("/proc/self/fd/%d", open.Fd()), patience).Read(t.Context())
	if err != nil || got.Bytes.Capacity != 2<<20 || got.Mountpoint != "" || got.Device != "" || got.Type != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFilesystemWithoutAMountTableIsAnErrorThatNamesIt(t *testing.T) {
	dir := t.TempDir()
	nodetest.Mount(t, "tmpfs", "/proc", "tmpfs", "size=1m")
	_, err := NewFilesystem(dir, patience).Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "/proc/self/mountinfo") {
		t.Errorf("error is %v", err)
	}
}
