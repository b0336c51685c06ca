package exporter

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// A tree is a real filesystem with a kubelet's root directory and its logs.
type tree struct {
	t   *testing.T
	dir string
}

func newTree(t *testing.T) *tree { return &tree{t, nodetest.Tmpfs(t, 32<<20, 0)} }

func (tr *tree) check(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

// folder makes a folder and those above it.
func (tr *tree) folder(path string) string {
	path = filepath.Join(tr.dir, path)
	tr.check(os.MkdirAll(path, 0o755))
	return path
}

// file makes a file of pages of 4 KiB.
func (tr *tree) file(path string, pages int) string {
	path = filepath.Join(tr.folder(filepath.Dir(path)), filepath.Base(path))
	tr.check(os.WriteFile(path, make([]byte, pages*4096), 0o644))
	return path
}

// walk walks it as check does, and returns "filesystem kind owner: bytes inodes".
func (tr *tree) walk() (map[string][2]int64, error) {
	tr.t.Helper()
	nodefs, err := node.NewFilesystem(tr.dir, time.Minute).Read(tr.t.Context())
	tr.check(err)
	nodefs.Path = filepath.Join(tr.dir, "kubelet")
	cs, err := walkNode(tr.t.Context(), []string{filepath.Join(tr.dir, "logs")}, map[headroom.Filesystem]node.Filesystem{headroom.NodeFS: nodefs, headroom.ImageFS: nodefs})
	got := make(map[string][2]int64)
	for _, c := range cs {
		key := strings.Join([]string{string(c.Filesystem), string(c.Kind), c.Namespace, c.Pod, c.Container}, " ")
		u := got[key]
		if c.Unit == headroom.Bytes {
			u[0] = c.Used
		} else {
			u[1] = c.Used
		}
		got[key] = u
	}
	return got, err
}

const pageSize = 4096

func TestLogsAndEmptyDirsAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		make func(tr *tree)
		want map[string][2]int64
	}{
		"a container's logs, rotated ones as well": {func(tr *tree) {
			tr.file("logs/shop_cart-0_uid-1/app/0.log", 3)
			tr.file("logs/shop_cart-0_uid-1/app/0.log.20261123-060000", 2)
			tr.file("logs/shop_cart-0_uid-1/app/0.log.20261122-060000.gz", 1)
		}, map[string][2]int64{"nodefs logs shop cart-0 app": {6 * pageSize, 4}}},
		"each container by itself": {func(tr *tree) {
			tr.file("logs/shop_cart-0_uid-1/app/0.log", 1)
			tr.file("logs/shop_cart-0_uid-1/sidecar/0.log", 2)
		}, map[string][2]int64{"nodefs logs shop cart-0 app": {pageSize, 2}, "nodefs logs shop cart-0 sidecar": {2 * pageSize, 2}}},
		"all emptyDirs of a pod, which its logs name": {func(tr *tree) {
			tr.folder("logs/shop_cart-0_uid-1")
			tr.file("kubelet/pods/uid-1/volumes/kubernetes.io~empty-dir/cache/a/b/c", 2)
			tr.file("kubelet/pods/uid-1/volumes/kubernetes.io~empty-dir/scratch/d", 1)
			tr.file("kubelet/pods/uid-1/volumes/kubernetes.io~configmap/x/y", 5)
		}, map[string][2]int64{"nodefs emptyDir shop cart-0 ": {3 * pageSize, 7}}},
		"of a pod without logs by its UID": {func(tr *tree) {
			tr.file("kubelet/pods/uid-2/volumes/kubernetes.io~empty-dir/cache/a", 1)
		}, map[string][2]int64{"nodefs emptyDir  uid-2 ": {pageSize, 3}}},
		"no target of a link": {func(tr *tree) {
			big := tr.file("elsewhere/big", 100)
			tr.folder("logs/shop_cart-0_uid-1/app")
			tr.check(os.Symlink(big, filepath.Join(tr.dir, "logs/shop_cart-0_uid-1/app/0.log")))
			tr.check(os.Symlink(filepath.Dir(big), filepath.Join(tr.dir, "logs/shop_cart-0_uid-1/other")))
			tr.check(os.Symlink(filepath.Dir(big), filepath.Join(tr.dir, "logs/shop_link_uid-3")))
			tr.folder("kubelet/pods/uid-1/volumes")
			tr.check(os.Symlink(filepath.Dir(big), filepath.Join(tr.dir, "kubelet/pods/uid-1/volumes/kubernetes.io~empty-dir")))
		}, map[string][2]int64{"nodefs logs shop cart-0 app": {0, 2}}},
		"a file of several names once": {func(tr *tree) {
			one := tr.file("kubelet/pods/uid-2/volumes/kubernetes.io~empty-dir/cache/a", 4)
			tr.check(os.Link(one, one+"2"))
			tr.check(os.Link(one, one+"3"))
		}, map[string][2]int64{"nodefs emptyDir  uid-2 ": {4 * pageSize, 3}}},
		"blocks, not lengths": {func(tr *tree) {
			sparse := tr.file("logs/shop_cart-0_uid-1/app/0.log", 1)
			tr.check(os.Truncate(sparse, 1<<30))
		}, map[string][2]int64{"nodefs logs shop cart-0 app": {pageSize, 2}}},
		"nothing in memory": {func(tr *tree) {
			tr.file("kubelet/pods/uid-2/volumes/kubernetes.io~empty-dir/disk/a", 1)
			nodetest.Mount(tr.t, "tmpfs", tr.folder("kubelet/pods/uid-2/volumes/kubernetes.io~empty-dir/memory"), "tmpfs", "size=1m")
			tr.file("kubelet/pods/uid-2/volumes/kubernetes.io~empty-dir/memory/b", 50)
		}, map[string][2]int64{"nodefs emptyDir  uid-2 ": {pageSize, 3}}},
		"no folder that is not a pod's": {func(tr *tree) {
			tr.file("logs/lost+found/app/0.log", 1)
			tr.file("logs/a_b_c_d/app/0.log", 1)
			tr.file("logs/file", 1)
		}, map[string][2]int64{}},
		"nothing where there is nothing": {func(tr *tree) {}, map[string][2]int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			c.make(tr)
			got, err := tr.walk()
			if err != nil {
				t.Errorf("error is %v", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// They count for the disk they are on: in none of the roles, for none.
func TestLogsOnAnotherDiskAreNoFilesystems(t *testing.T) {
	tr := newTree(t)
	nodetest.Mount(t, "tmpfs", tr.folder("logs"), "tmpfs", "size=1m")
	tr.file("logs/shop_cart-0_uid-1/app/0.log", 1)
	got, err := tr.walk()
	if diff := cmp.Diff(map[string][2]int64{" logs shop cart-0 app": {pageSize, 2}}, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

func TestWalkIsBounded(t *testing.T) {
	t.Run("in depth", func(t *testing.T) {
		tr := newTree(t)
		tr.file("kubelet/pods/uid-1/volumes/kubernetes.io~empty-dir/"+strings.Repeat("d/", 200)+"file", 1)
		got, err := tr.walk()
		if err == nil || !strings.Contains(err.Error(), "not counted below 64 folders") || got["nodefs emptyDir  uid-1 "][1] > 100 {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("in time", func(t *testing.T) {
		tr := newTree(t)
		tr.file("logs/shop_cart-0_uid-1/app/0.log", 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := &walker{ctx: ctx, pods: make(map[string]pod)}
		w.logs(filepath.Join(tr.dir, "logs"))
		if err := errors.Join(w.errs...); err == nil || !strings.Contains(err.Error(), "incomplete: stopped after 5s") || len(w.found) > 0 {
			t.Errorf("%v, %v", w.found, err)
		}
	})
	t.Run("in files", func(t *testing.T) {
		tr := newTree(t)
		tr.file("logs/shop_cart-0_uid-1/app/0.log", 1)
		w := &walker{ctx: t.Context(), pods: make(map[string]pod), entries: walkEntries - 3}
		w.logs(filepath.Join(tr.dir, "logs"))
		if err := errors.Join(w.errs...); err == nil || !strings.Contains(err.Error(), "incomplete: there are more than") {
			t.Errorf("%v, %v", w.found, err)
		}
	})
	t.Run("in what it complains about", func(t *testing.T) {
		w := &walker{}
		for range 100 {
			w.fail("/x", fs.ErrPermission)
		}
		if w.fail("/y", fs.ErrNotExist); len(w.errs) != maxErrors {
			t.Errorf("%d errors", len(w.errs))
		}
	})
}

func TestNothingIsCountedOnADiskThatHangs(t *testing.T) {
	if cs, err := walkNode(t.Context(), []string{"/"}, nil); err == nil || cs != nil {
		t.Errorf("%v, %v", cs, err)
	}
}
