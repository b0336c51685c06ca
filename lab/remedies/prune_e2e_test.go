//go:build e2e

package remedies

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

const crashImage = "localhost/crash:1"

// crasher builds the program that crashes.
func crasher(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "crash")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "./crash")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// crashes is a node that keeps dead containers, restarts at once, and has the
// image of what crashes.
func crashes(t *testing.T, c *cluster.Cluster, settings ...map[string]any) *cluster.Node {
	t.Helper()
	kubelet := map[string]any{
		"featureGates":     map[string]any{"KubeletCrashLoopBackOffMax": true},
		"crashLoopBackOff": map[string]any{"maxContainerRestartPeriod": "1s"},
	}
	for _, more := range settings {
		maps.Copy(kubelet, more)
	}
	n := c.StartNode(t, cluster.NodeConfig{
		Layout:  cluster.OneDisk.Sized(1<<30, 0),
		Kubelet: kubelet,
		Flags:   []string{"--maximum-dead-containers-per-container=10"},
	})
	// What it declares a volume is one of the pod's here.
	if err := n.Load(t.Context(), cluster.Image{Name: crashImage, Program: crasher(t), Volumes: []string{"/data"}}); err != nil {
		t.Fatal(err)
	}
	return n
}

// crash has a pod crash again and again, and waits for so many dead containers.
func crash(t *testing.T, c *cluster.Cluster, n *cluster.Node, w cluster.Workload, dead int) *reclaimed {
	t.Helper()
	if err := c.Apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Delete(t.Context(), w) })
	r := reclaim(t, n)
	eventually(t, fmt.Sprintf("%d dead containers", dead), func() error {
		if have := r.dead("worker"); len(have) < dead {
			return fmt.Errorf("there are %d", len(have))
		}
		return nil
	})
	return r
}

// stays waits until what crashes so many times only has come to stay: until then
// there are new containers.
func stays(t *testing.T, c *cluster.Cluster, w cluster.Workload, times int) (pod cluster.Pod) {
	t.Helper()
	eventually(t, w.Name+" to stay", func() error {
		pods, err := c.PodsOf(t.Context(), w)
		if err != nil || len(pods) != 1 || len(pods[0].Status.ContainerStatuses) != 1 {
			return fmt.Errorf("there is %+v, %v", pods, err)
		}
		pod = pods[0]
		if restarts := pod.Status.ContainerStatuses[0].RestartCount; restarts < times {
			return fmt.Errorf("it has been restarted %d times", restarts)
		}
		return ready(pod)
	})
	return pod
}

// counted is a pod's spec whose init container and whose own count how often they
// run in a folder of the node's: an emptyDir goes with the pod.
func counted(n *cluster.Node, w cluster.Workload) map[string]any {
	return map[string]any{
		"volumes": []any{map[string]any{"name": "data", "hostPath": map[string]any{
			"path": filepath.Join(n.Dir, w.Name), "type": "DirectoryOrCreate",
		}}},
		"initContainers": []any{map[string]any{
			"name": "init", "image": crashImage, "imagePullPolicy": "Never", "args": []any{"/data/init", "1000000", "0"},
			"volumeMounts": []any{map[string]any{"name": "data", "mountPath": "/data"}},
		}},
	}
}

// ran is how often a container of a counted pod has run.
func ran(t *testing.T, n *cluster.Node, w cluster.Workload, container string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(n.Dir, w.Name, container))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(data), "\n")
}

func TestDeadContainersGoButTheLastOneOfEach(t *testing.T) {
	c := cluster.Start(t)
	n := crashes(t, c)
	w := cluster.Workload{Name: "crashing", Node: n, Image: crashImage, Containers: map[string][]string{
		"worker": {"/data/worker", "4000000", "1"},
	}}
	quiet := cluster.Workload{Name: "quiet", Node: n}
	c.StartPods(t, quiet)
	r := crash(t, c, n, w, 4)
	folder, pod := folderOf(t, c, n, w, "worker")
	_, bystander := folderOf(t, c, n, quiet, "worker")
	before := r.dead("worker")
	plan, removed, notes := r.run(with(t, remedy.ContainerPrune{}, "{minAge: 0s}"), nil)
	after := r.dead("worker")
	// It goes on crashing meanwhile.
	if len(plan.Items) < 3 || removed.Bytes < 12_000_000 {
		t.Errorf("planned %d, removed %+v; %q", len(plan.Items), removed, notes)
	}
	newest := before[len(before)-1]
	kept := false
	for _, attempt := range after {
		kept = kept || attempt == newest
		if attempt < newest {
			t.Errorf("attempt %d is left of %v: %v", attempt, before, after)
		}
	}
	if !kept {
		t.Errorf("the newest dead one, attempt %d, is gone: %v", newest, after)
	}
	logs, _ := filepath.Glob(filepath.Join(folder, "*.log"))
	for _, log := range logs {
		var attempt uint32
		if _, err := fmt.Sscanf(filepath.Base(log), "%d.log", &attempt); err != nil || attempt < newest {
			t.Errorf("%s is left: %v", log, err)
		}
	}
	if _, err := n.Get(t.Context(), "/containerLogs/default/"+pod.Metadata.Name+"/worker?previous=true&tailLines=1"); err != nil {
		t.Errorf("the log of its last run cannot be read: %v", err)
	}
	// It goes on where it was: its restarts are counted on, and it is the same pod.
	eventually(t, "one more restart", func() error {
		_, now := folderOf(t, c, n, w, "worker")
		for _, s := range now.Status.ContainerStatuses {
			if s.RestartCount > int(newest)+1 && now.Metadata.UID == pod.Metadata.UID {
				return nil
			}
		}
		return fmt.Errorf("it is %+v", now.Status.ContainerStatuses)
	})
	untouched(t, c, quiet, bystander)
}

// containerd keeps what an image declares a volume with the container, and removes
// both together.
func TestADeadContainerWithAVolumeStays(t *testing.T) {
	const image = "localhost/keeps:1"
	c := cluster.Start(t)
	n := crashes(t, c)
	if err := n.Load(t.Context(), cluster.Image{Name: image, Program: crasher(t), Volumes: []string{"/keep"}}); err != nil {
		t.Fatal(err)
	}
	w := cluster.Workload{Name: "crashing", Node: n, Image: image, Containers: map[string][]string{
		"worker": {"/keep/worker", "4000000", "1"},
	}}
	r := crash(t, c, n, w, 4)
	kept := func() []string {
		found, err := filepath.Glob(filepath.Join(n.ContainerdRoot(), "io.containerd.grpc.v1.cri", "containers", "*", "volumes", "*", "worker"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	before, containers := kept(), r.dead("worker")
	if len(before) < 4 {
		t.Fatalf("containerd keeps them elsewhere: %v", before)
	}
	plan, removed, _ := r.run(with(t, remedy.ContainerPrune{}, "{minAge: 0s}"), nil)
	if len(plan.Items) > 0 || removed != (headroom.Amount{}) || !strings.Contains(strings.Join(plan.Notes, "\n"), "declares a volume, which would go with it: /keep") {
		t.Errorf("planned %+v, removed %+v; %q", plan.Items, removed, plan.Notes)
	}
	for _, file := range before {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	if after := r.dead("worker"); after[0] != containers[0] {
		t.Errorf("of %v are left %v", containers, after)
	}
}

// What a container has written comes back after containerd has answered, and only
// the disk says how much it was.
func TestNoMoreDeadContainersGoThanAreNeeded(t *testing.T) {
	c := cluster.Start(t)
	n := crashes(t, c)
	w := cluster.Workload{Name: "crashing", Node: n, Image: crashImage, Containers: map[string][]string{
		"worker": {"/data/worker", "0", "1", "20000000", "6"},
	}}
	r := crash(t, c, n, w, 6)
	stays(t, c, w, 6)
	before := r.dead("worker")
	plan, removed, notes := r.runFor(with(t, remedy.ContainerPrune{}, "{minAge: 0s}"), headroom.NodeFSAvailable, 30_000_000)
	after := r.dead("worker")
	if gone := len(before) - len(after); len(plan.Items) < 4 || gone != 2 {
		t.Errorf("planned %d, removed %d (%+v) for what two have written; %q", len(plan.Items), gone, removed, notes)
	}
}

// dead lists the attempts of a container that are dead, oldest first.
func (r *reclaimed) dead(name string) []uint32 {
	r.t.Helper()
	all, err := r.node.Runtime.Containers(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	byAttempt := make(map[uint32]bool)
	highest := uint32(0)
	for _, c := range all {
		if c.Dead && c.Name == name {
			byAttempt[c.Attempt] = true
			highest = max(highest, c.Attempt)
		}
	}
	var attempts []uint32
	for attempt := range highest + 1 {
		if byAttempt[attempt] {
			attempts = append(attempts, attempt)
		}
	}
	return attempts
}

// What a kubelet no longer finds it runs again.
func TestWhatHasRunDoesNotRunAgain(t *testing.T) {
	c := cluster.Start(t)
	n := crashes(t, c)
	started := cluster.Workload{Name: "started", Node: n}
	started.Spec = counted(n, started)
	over := cluster.Workload{Name: "over", Node: n, Image: crashImage, Containers: map[string][]string{
		"worker": {"/data/worker", "1000000", "0"},
	}}
	over.Spec = counted(n, over)
	over.Spec["restartPolicy"] = "Never"
	c.StartPods(t, started)
	if err := c.Apply(t.Context(), over); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Delete(t.Context(), over) })
	eventually(t, "the job to be over", func() error {
		if _, pod := folderOf(t, c, n, over, "worker"); pod.Status.Phase != "Succeeded" {
			return fmt.Errorf("it is %s", pod.Status.Phase)
		}
		return nil
	})
	r := reclaim(t, n)
	prune := with(t, remedy.ContainerPrune{}, "{minAge: 0s, maxWritable: 0}")
	for range 3 {
		if plan, _, _ := r.run(prune, nil); len(plan.Items) > 0 {
			t.Errorf("plans %+v", plan.Items)
		}
	}
	// Whatever the kubelet makes of it, it makes at its next look, and at its first
	// one after a restart.
	if err := n.RestartKubelet(t.Context(), cluster.NodeConfig{Flags: []string{"--maximum-dead-containers-per-container=10"}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(15 * time.Second)
	_, first := folderOf(t, c, n, started, "worker")
	_, second := folderOf(t, c, n, over, "worker")
	for _, times := range []int{ran(t, n, started, "init"), ran(t, n, over, "init"), ran(t, n, over, "worker")} {
		if times != 1 {
			t.Errorf("it ran %d times", times)
		}
	}
	if second.Status.Phase != "Succeeded" || !first.Ready() {
		t.Errorf("they are %s and %s", first.Status.Phase, second.Status.Phase)
	}
}
