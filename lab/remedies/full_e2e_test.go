//go:build e2e

package remedies

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// idle is a kubelet that does nothing about a full disk.
var idle = map[string]any{
	"imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
	"evictionHard": map[string]any{"nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.inodesFree": "0%", "memory.available": "1Mi"},
}

// full leaves nothing of what a signal counts.
func full(t *testing.T, f *disk.Filler, signal headroom.Signal) {
	t.Helper()
	err := f.Leave(0)
	if signal.Unit() == headroom.Inodes {
		if err = f.Release(); err == nil {
			err = f.LeaveInodes(0)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The runtime keeps its own records on the disk that has no room.
func TestImagesGoFromADiskThatIsFull(t *testing.T) {
	for signal, more := range map[headroom.Signal]int64{headroom.ImageFSAvailable: 30 << 20, headroom.ImageFSInodesFree: 6} {
		t.Run(string(signal), func(t *testing.T) {
			p := placeOn(t, cluster.NodeConfig{Layout: cluster.TwoDisks, Kubelet: idle})
			p.publish(10, "web:1")
			p.run("web", "web:1")
			p.pull(20, "a:1")
			p.pull(40, "b:1")
			p.pull(10, "c:1")
			full(t, p.node.Imagefs, signal)
			available := p.available
			if signal.Unit() == headroom.Inodes {
				available = p.inodes
			}
			if left := available(); left != 0 {
				t.Fatalf("%d are left", left)
			}
			y := p.prepareFor(configured(p, remedy.ImageGC{}, gc), signal, available, more)
			y.apply()
			if available() < y.target || len(y.removed) == 0 || len(y.removed) == 3 {
				t.Errorf("removed %v, %d are available, %d are wanted; planned %v", y.removed, available(), y.target, y.names())
			}
			if signal.Unit() == headroom.Bytes {
				if diff := cmp.Diff([]string{"b:1"}, y.removed); diff != "" {
					t.Error(diff)
				}
			}
			p.pods()
		})
	}
}

func TestDeadContainersGoFromADiskThatIsFull(t *testing.T) {
	for signal, more := range map[headroom.Signal]int64{headroom.NodeFSAvailable: 30_000_000, headroom.NodeFSInodesFree: 10} {
		t.Run(string(signal), func(t *testing.T) {
			c := cluster.Start(t)
			n := crashes(t, c, idle)
			const times = 6
			w := cluster.Workload{Name: "crashing", Node: n, Image: crashImage, Containers: map[string][]string{
				"worker": {"/data/worker", "100000", "1", "20000000", fmt.Sprint(times)},
			}}
			r := crash(t, c, n, w, times)
			pod := stays(t, c, w, times)
			full(t, n.Nodefs, signal)
			if left := r.available(signal); left != 0 {
				t.Fatalf("%d are left", left)
			}
			before := r.dead("worker")
			_, removed, notes := r.runFor(with(t, remedy.ContainerPrune{}, "{minAge: 0s}"), signal, more)
			if left := r.available(signal); left < more {
				t.Errorf("%d are available of %d: removed %+v; %q", left, more, removed, notes)
			}
			if after := r.dead("worker"); len(after) < 2 || after[len(after)-1] != before[len(before)-1] {
				t.Errorf("of %v are left %v; %q", before, after, notes)
			}
			_, now := folderOf(t, c, n, w, "worker")
			if now.Metadata.UID != pod.Metadata.UID || ready(now) != nil {
				t.Errorf("the pod is another, or not ready: %+v", now.Status)
			}
		})
	}
}

// Without a block the runtime can make the log anew. Without an inode it cannot, and
// its container might end: it is not asked to.
func TestALiveLogOnADiskThatIsFull(t *testing.T) {
	for signal, reopens := range map[headroom.Signal]bool{headroom.NodeFSAvailable: true, headroom.NodeFSInodesFree: false} {
		t.Run(string(signal), func(t *testing.T) {
			c := cluster.Start(t)
			settings := maps.Clone(idle)
			maps.Copy(settings, still)
			n := c.StartNode(t, cluster.NodeConfig{Layout: cluster.OneDisk.Sized(1<<30, 0), Kubelet: settings})
			const lines = 200_000
			w := writes("live", n, lines, 8<<20)
			c.StartPods(t, w)
			folder, pod := folderOf(t, c, n, w, "worker")
			log := filepath.Join(folder, "0.log")
			written(t, n, pod)
			was, err := os.Stat(log)
			if err != nil {
				t.Fatal(err)
			}
			full(t, n.Nodefs, signal)
			_, removed, notes := reclaim(t, n).run(with(t, remedy.LogReclaim{}, "{truncate: false}"), nil)
			is, err := os.Stat(log)
			if err != nil {
				t.Fatalf("the log has no name any more: %v; %q", err, notes)
			}
			if gone := removed.Bytes > was.Size()/2; gone != reopens || os.SameFile(was, is) == reopens {
				t.Errorf("removed %+v, the log is the same file: %t; %q", removed, os.SameFile(was, is), notes)
			}
			if left, _ := filepath.Glob(log + ".*"); len(left) > 0 {
				t.Errorf("left are %q", left)
			}
			if !reopens && !strings.Contains(strings.Join(notes, "\n"), "0 inodes are left") {
				t.Errorf("it is not said why: %q", notes)
			}
			untouched(t, c, w, pod)
		})
	}
}

func ready(pod cluster.Pod) error {
	if !pod.Ready() {
		return errors.New("it is not ready")
	}
	return nil
}
