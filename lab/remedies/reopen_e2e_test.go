//go:build e2e

package remedies

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// still is a kubelet that rotates no log by itself.
var still = map[string]any{"containerLogMaxSize": "1Gi", "containerLogMonitorInterval": "1h"}

// writes is a pod whose container writes that many lines of 100 bytes, at so many
// bytes a second, and one more.
func writes(name string, n *cluster.Node, lines, rate int) cluster.Workload {
	return cluster.Workload{Name: name, Node: n, Containers: map[string][]string{
		"worker": {"log", fmt.Sprint(lines * 100), fmt.Sprint(rate)},
	}}
}

// grown waits until a file has so many bytes.
func grown(t *testing.T, path string, size int64) {
	t.Helper()
	eventually(t, path+" to grow", func() error {
		info, err := os.Stat(path)
		if err == nil && info.Size() < size {
			err = fmt.Errorf("it has %d bytes", info.Size())
		}
		return err
	})
}

// written waits until the writer says that it is done, by asking the kubelet for
// the end of its log, as kubectl logs does. It says so on standard error, which
// may come before the last of its lines.
func written(t *testing.T, n *cluster.Node, pod cluster.Pod) {
	t.Helper()
	eventually(t, "the writer to be done", func() error {
		out, err := n.Get(t.Context(), "/containerLogs/"+pod.Metadata.Namespace+"/"+pod.Metadata.Name+"/worker?tailLines=2000")
		if err == nil && !strings.Contains("\n"+string(out), "\ndone\n") {
			err = fmt.Errorf("it is not among the last %d bytes", len(out))
		}
		return err
	})
}

func TestAReopenedLogGivesItsSpaceBackAndLosesNoLine(t *testing.T) {
	c := cluster.Start(t)
	n := c.StartNode(t, cluster.NodeConfig{Layout: cluster.OneDisk.Sized(1<<30, 0), Kubelet: still})
	const lines = 400_000 // 10 s
	w := writes("shipped", n, lines, 4<<20)
	c.StartPods(t, w)
	folder, pod := folderOf(t, c, n, w, "worker")
	log := filepath.Join(folder, "0.log")
	shipped := ship(t, log)
	grown(t, log, 16<<20)

	before, err := disk.Stat(n.PodLogs())
	if err != nil {
		t.Fatal(err)
	}
	r := reclaim(t, n)
	plan, removed, notes := r.run(remedy.LogReclaim{}, nil)
	after, err := disk.Stat(n.PodLogs())
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Items) != 1 || plan.Items[0].Does != remedy.Rotate {
		t.Errorf("plans %+v; %q", plan.Items, notes)
	}
	if gained := after.Available - before.Available; removed.Bytes < 16<<20 || gained < 8<<20 {
		t.Errorf("removed %d bytes, and the disk has %d more; %q", removed.Bytes, gained, notes)
	}
	if left, _ := filepath.Glob(log + ".*"); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
	written(t, n, pod)
	if got, want := shipped.end(t), lines*99+len("done"); got != want {
		t.Errorf("%d bytes were shipped of %d", got, want)
	}
	untouched(t, c, w, pod)
}

// untouched fails if the pod has been restarted or made anew.
func untouched(t *testing.T, c *cluster.Cluster, w cluster.Workload, was cluster.Pod) {
	t.Helper()
	pods, err := c.PodsOf(t.Context(), w)
	if err != nil || len(pods) != 1 {
		t.Fatalf("%d pods: %v", len(pods), err)
	}
	is := pods[0]
	if is.Metadata.UID != was.Metadata.UID || !is.Ready() {
		t.Errorf("pod %s is another or not ready: %+v", w.Name, is.Status)
	}
	for _, s := range is.Status.ContainerStatuses {
		if s.RestartCount != 0 {
			t.Errorf("container %s was restarted %d times", s.Name, s.RestartCount)
		}
	}
}

func TestARenameThatWasCutShortIsFinishedOnARealRuntime(t *testing.T) {
	c := cluster.Start(t)
	n := c.StartNode(t, cluster.NodeConfig{Layout: cluster.OneDisk.Sized(1<<30, 0), Kubelet: still})
	const lines = 200_000
	w := writes("cut-short", n, lines, 2<<20)
	c.StartPods(t, w)
	folder, pod := folderOf(t, c, n, w, "worker")
	log := filepath.Join(folder, "0.log")
	shipped := ship(t, log)
	grown(t, log, 4<<20)
	r := reclaim(t, n)
	type killed struct{}
	func() {
		defer func() {
			if got := recover(); got != (killed{}) {
				t.Fatalf("not killed between rename and reopen: %v", got)
			}
		}()
		r.run(remedy.LogReclaim{}, func(step string) {
			if strings.HasSuffix(step, "renamed") {
				panic(killed{}) // what comes after it does not happen
			}
		})
	}()
	if _, err := os.Stat(log); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the log is there: %v", err)
	}
	notes, err := remedy.LogReclaim{}.Finish(t.Context(), r.node)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "made anew") {
		t.Errorf("finished with %q: %v", notes, err)
	}
	written(t, n, pod)
	if got, want := shipped.end(t), lines*99+len("done"); got != want {
		t.Errorf("%d bytes were shipped of %d", got, want)
	}
	if notes, err := (remedy.LogReclaim{}).Finish(t.Context(), r.node); err != nil || len(notes) > 0 {
		t.Errorf("a second time it says %q: %v", notes, err)
	}
	untouched(t, c, w, pod)
}

// Both rename the same log, and neither overwrites or loses what the other made.
func TestTheKubeletRotatesAtTheSameTime(t *testing.T) {
	c := cluster.Start(t)
	n := c.StartNode(t, cluster.NodeConfig{Layout: cluster.OneDisk.Sized(1<<30, 0), Kubelet: map[string]any{
		"containerLogMaxSize": "1Mi", "containerLogMaxFiles": 3, "containerLogMonitorInterval": "3s",
	}})
	const lines = 600_000 // 15 s
	w := writes("contended", n, lines, 4<<20)
	c.StartPods(t, w)
	folder, pod := folderOf(t, c, n, w, "worker")
	log := filepath.Join(folder, "0.log")
	r := reclaim(t, n)
	rm := with(t, remedy.LogReclaim{}, "{minSize: 64Ki, keep: 1, truncate: false}")
	rotated := 0
	for began := time.Now(); time.Since(began) < 13*time.Second; {
		_, _, notes := r.run(rm, func(step string) {
			if strings.HasSuffix(step, "reopened") {
				rotated++
			}
		})
		for _, note := range notes {
			if strings.Contains(note, "harm") {
				t.Error(note)
			}
		}
	}
	if rotated < 10 {
		t.Errorf("renamed %d times only", rotated)
	}
	written(t, n, pod)
	if notes, err := (remedy.LogReclaim{}).Finish(t.Context(), r.node); err != nil || len(notes) > 0 {
		t.Errorf("there is something to finish: %q: %v", notes, err)
	}
	if _, err := os.Stat(log); err != nil {
		t.Error(err)
	}
	if text, err := n.Log(); err != nil || !strings.Contains(text, "kubelet") {
		t.Errorf("the kubelet's log: %v", err)
	}
	untouched(t, c, w, pod)
}
