package node

import (
	"os"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestOnlyAUnifiedHierarchyIsV2(t *testing.T) {
	if v2, err := (Host{Cgroup: nodetest.Tmpfs(t, 1<<20, 0)}).hasCgroup2(); err != nil || v2 {
		t.Errorf("a tmpfs, the top of a hybrid hierarchy, is v2: %v, %v", v2, err)
	}
	dir := t.TempDir()
	nodetest.Mount(t, "none", dir, "cgroup2", "")
	if v2, err := (Host{Cgroup: dir}).hasCgroup2(); err != nil || !v2 {
		t.Errorf("a cgroup2 filesystem is not v2: %v, %v", v2, err)
	}
	// Where another hierarchy has the memory controller, this one has no such file.
	_, err := Host{Proc: "testdata/v2/proc", Cgroup: dir}.Memory(false)
	if err != nil && !strings.Contains(err.Error(), dir+"/memory.stat: no such file") {
		t.Errorf("v2's file was not read: %v", err)
	}
}

func TestHierarchyIsAskedForAgainAfterAnError(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "meminfo", "MemTotal: 1000 kB\n")
	write(t, dir, "memory/memory.usage_in_bytes", "100\n")
	p := newMemoryProber(Host{Proc: dir, Cgroup: dir}, make(openFiles))
	defer p.files.close()
	if _, err := p.probe(); err == nil {
		t.Fatal("half a hierarchy was read")
	}
	write(t, dir, "memory/memory.stat", "total_inactive_file 40\n")
	if m, err := p.probe(); err != nil || m.used != 60 {
		t.Errorf("with v1: %+v, %v", m, err)
	}
	if err := os.RemoveAll(dir + "/memory"); err != nil {
		t.Fatal(err)
	}
	breakOpen(t, p.files, dir+"/memory/memory.stat")
	write(t, dir, "cgroup.controllers", "memory\n")
	write(t, dir, "memory.stat", "anon 100\nfile 200\ninactive_file 50\n")
	if _, err := p.probe(); err == nil {
		t.Error("a hierarchy that is gone was read")
	}
	if m, err := p.probe(); err != nil || m.used != 250 {
		t.Errorf("with v2: %+v, %v", m, err)
	}
}

func TestNameOfACgroupDoesNotLeaveTheHierarchy(t *testing.T) {
	for name, want := range map[string]string{
		"/kubepods":       "/sys/fs/cgroup/kubepods/memory.stat",
		"kubepods":        "/sys/fs/cgroup/kubepods/memory.stat",
		"/a/../kubepods/": "/sys/fs/cgroup/kubepods/memory.stat",
		"../../../etc":    "/sys/fs/cgroup/etc/memory.stat",
	} {
		if got := (Host{Cgroup: "/sys/fs/cgroup"}).memcg(true, name).stat; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
