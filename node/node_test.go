package node

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// All nine, in the table's order, with the names of their readers.
func TestEverySignalIsRead(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 100)
	for _, version := range []string{"v1", "v2"} {
		n := New(Config{
			Host: Host{Proc: "testdata/" + version + "/proc", Cgroup: "testdata/" + version + "/cgroup"},
			Facts: func() Facts {
				return Facts{
					Paths:      map[headroom.Filesystem]string{"nodefs": dir, "imagefs": dir, "containerfs": dir},
					PodCgroups: []string{"/kubepods", "/kubepods.slice"},
				}
			},
			Timeout: patience,
		})
		for range 2 { // with files that are open, too
			s := n.Read(t.Context())
			var signals []headroom.Signal
			for _, r := range s.Readings {
				signals = append(signals, r.Signal)
			}
			if !slices.Equal(signals, headroom.Signals()) {
				t.Errorf("%s: signals are %q", version, signals)
			}
			var readers []string
			for _, r := range s.Readers {
				readers = append(readers, r.Name)
				if r.Err != nil {
					t.Errorf("%s: reader %s: %v", version, r.Name, r.Err)
				}
			}
			if want := []string{"memory", "allocatable", "nodefs", "imagefs", "containerfs", "pid"}; !slices.Equal(readers, want) {
				t.Errorf("%s: readers are %q, want %q", version, readers, want)
			}
		}
	}
}

func TestSignalIsReadByItself(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 100)
	n := New(Config{
		Host: Host{Proc: "testdata/v1/proc", Cgroup: "testdata/v1/cgroup"},
		Facts: func() Facts {
			return Facts{Paths: map[headroom.Filesystem]string{headroom.NodeFS: dir}, PodCgroups: []string{"/kubepods"}}
		},
		Timeout: patience,
	})
	for signal, want := range map[headroom.Signal]int64{
		headroom.MemoryAvailable: 25276502016, headroom.PIDAvailable: 32768,
		headroom.AllocatableMemoryAvailable: 8589934592,
		headroom.NodeFSAvailable:            1 << 20, headroom.NodeFSInodesFree: 100,
	} {
		r, err := n.Signal(t.Context(), signal)
		if err != nil || r.Signal != signal || r.Capacity != want || r.At.IsZero() {
			t.Errorf("%s: got %+v, %v, want a capacity of %d", signal, r, err, want)
		}
	}
	for signal, want := range map[headroom.Signal]string{
		"nodefs.inodes":           "nodefs.inodes: not a signal that is read",
		headroom.ImageFSAvailable: "imagefs: no path is configured",
	} {
		if _, err := n.Signal(t.Context(), signal); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", signal, err, want)
		}
	}
}

func TestRolesOfOnePathAreOneRead(t *testing.T) {
	n := New(Config{Facts: Fixed(map[headroom.Filesystem]string{"nodefs": "/tmp", "imagefs": "/tmp/", "containerfs": "/tmp/."}), Timeout: patience})
	var reads atomic.Int32
	n.filesystems.byPath["/tmp"] = NewFilesystem("/tmp", patience)
	n.filesystems.byPath["/tmp"].call = func() (Filesystem, error) {
		reads.Add(1)
		return Filesystem{Path: "/tmp"}, nil
	}
	for i := range int32(100) {
		s := n.Read(t.Context())
		for _, role := range headroom.Filesystems {
			if s.Filesystems[role].Path != "/tmp" {
				t.Fatalf("%s is %+v", role, s.Filesystems[role])
			}
		}
		if got := reads.Load(); got != i+1 {
			t.Fatalf("%d reads in %d", got, i+1)
		}
	}
}

func TestRoleWhosePathWasJustReadWaitsForThatRead(t *testing.T) {
	reader := NewFilesystem("/tmp", patience)
	first := reader.start()
	<-first.done
	if second := begin(reader, []inquiry{{role: "nodefs", reader: reader, flight: first}}); second != first {
		t.Error("the second role made a call of its own")
	}
}

func TestRoleThatIsLeftOutHasNoReader(t *testing.T) {
	n := New(Config{Facts: Fixed(map[headroom.Filesystem]string{"imagefs": "/tmp", "containerfs": ""}), Timeout: patience})
	var names []string
	for _, r := range n.Read(t.Context()).Readers {
		names = append(names, r.Name)
	}
	if want := []string{"memory", "imagefs", "pid"}; !slices.Equal(names, want) {
		t.Errorf("readers are %q, want %q", names, want)
	}
}
