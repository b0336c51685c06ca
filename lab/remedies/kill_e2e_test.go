//go:build e2e

package remedies

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/cri-api/pkg/apis/runtime/v1"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/product"
	"github.com/nodeheadroom/headroom/lab/registry"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/runtime"
	"github.com/nodeheadroom/headroom/node/runtime/cri"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// newPatient is a node with one disk, on which only remedies make room: dead
// containers stay, and images and logs.
func newPatient(t *testing.T) *patient {
	t.Helper()
	c := cluster.Start(t)
	settings := map[string]any{
		"featureGates":     map[string]any{"KubeletCrashLoopBackOffMax": true},
		"crashLoopBackOff": map[string]any{"maxContainerRestartPeriod": "1s"},
	}
	for _, more := range []map[string]any{quiet, still} {
		for key, value := range more {
			settings[key] = value
		}
	}
	n := c.StartNode(t, cluster.NodeConfig{Layout: cluster.OneDisk.Sized(2<<30, 0), Kubelet: settings,
		Flags: []string{"--maximum-dead-containers-per-container=20"}})
	p := &patient{place: &place{T: t, cluster: c, node: n, registry: registry.Start(t, c.Address())}, memory: filepath.Join(t.TempDir(), "unused.json")}
	p.must(n.Trust(p.registry.Host()))
	var err error
	p.runtime, err = cri.New("unix://" + n.Socket())
	p.must(err)
	t.Cleanup(func() { p.runtime.Close() })
	p.viewer, err = kubelet.NewViewer(kubelet.Options{URL: n.URL, CAFile: c.CA(), CertFile: c.Admin().Cert, KeyFile: c.Admin().Key})
	p.must(err)
	p.unused = remedy.NewUnusedImages(p.memory)
	p.program, err = product.Build(t.Context(), t.TempDir(), "headroom-remediator")
	p.must(err)
	p.dying, err = product.BuildDying(t.Context(), t.TempDir())
	p.must(err)
	return p
}

// Each step of which the other table says that it needs a runtime, one after the
// other on one node.
func TestKilledAtStepsOfARealRuntime(t *testing.T) {
	p := newPatient(t)
	p.must(p.node.Load(t.Context(), cluster.Image{Name: crashImage, Program: crasher(t)}))
	swept := p.sweeps() // the kubelet's own, of sandboxes
	left := maps.Clone(killed)
	for _, try := range []struct {
		step string
		play func(p *patient)
	}{
		{"log-reclaim: renamed", (*patient).log},
		{"log-reclaim: reopened", (*patient).log},
		{"image-gc: removed", (*patient).image},
		{"container-prune: container removed", (*patient).container},
		{"container-prune: log removed", (*patient).container},
		{"container-prune: sandbox removed", func(p *patient) { p.sandbox(swept) }},
	} {
		delete(left, try.step)
		t.Run(try.step, func(t *testing.T) { try.play(p.on(t, try.step)) })
	}
	for step := range left {
		t.Errorf("nothing kills the program at %q", step)
	}
}

// A log is being written and shipped meanwhile: whatever was done to it, not a
// byte is lost, nor does the pod notice. Who ships may hold the old file a moment
// longer than the episode lasts: then it stays, and the episode says so.
func (p *patient) log() {
	const lines = 400_000 // 20 s
	w := writes(strings.Fields(p.step)[1], p.node, lines, 2<<20)
	p.cluster.StartPods(p.T, w)
	folder, pod := folderOf(p.T, p.cluster, p.node, w, "worker")
	log := filepath.Join(folder, "0.log")
	shipped := ship(p.T, log)
	grown(p.T, log, 16<<20)
	p.wants(8 << 20)
	p.dies()
	if ep := p.recovers(); ep.Outcome != headroom.Succeeded && ep.Outcome != headroom.Exhausted {
		p.Errorf("it is %s: %s", ep.Outcome, ep.Detail)
	}
	written(p.T, p.node, pod)
	if got, want := shipped.end(p.T), lines*99+len("done"); got != want {
		p.Errorf("%d bytes were shipped of %d", got, want)
	}
	if _, err := os.Stat(log); err != nil {
		p.Error(err)
	}
	untouched(p.T, p.cluster, w, pod)
	older, err := filepath.Glob(log + ".*")
	p.must(err)
	for _, path := range older { // the next one would be content with it
		p.must(os.Remove(path))
	}
}

// The second image goes after the restart, and the third never; nor does one that
// runs, or the pause image.
func (p *patient) image() {
	p.publish(5, "web:1")
	p.run("web", "web:1")
	p.pull(60, "a:1")
	p.pull(50, "b:1")
	p.pull(40, "c:1")
	before := p.registry.Pulls()
	p.wants(150 << 20) // an image frees twice its size here
	p.dies()
	if left := p.images(); !slices.Equal(left, []string{"b:1", "c:1", "web:1"}) {
		p.Errorf("killed after the first, left are %v", left)
	}
	p.succeeds()
	if left := p.images(); !slices.Equal(left, []string{"c:1", "web:1"}) {
		p.Errorf("left are %v", left)
	}
	if _, there, err := p.runtime.Image(p.Context(), cluster.PauseImage); !there || err != nil {
		p.Errorf("the pause image is gone: %v", err)
	}
	p.pods()
	if after := p.registry.Pulls(); fmt.Sprint(after) != fmt.Sprint(before) {
		p.Errorf("pulled %v, and then %v", before, after)
	}
}

// Dead containers go with their logs, whichever of the two went first when it was
// killed; what the kubelet goes by stays.
func (p *patient) container() {
	w := cluster.Workload{Name: strings.ReplaceAll(strings.Fields(p.step)[1], ":", ""), Node: p.node, Image: crashImage,
		Containers: map[string][]string{"worker": {"/data/worker", "1000000", "1"}}}
	w.Spec = counted(p.node, w)
	p.must(p.cluster.Apply(p.Context(), w))
	p.Cleanup(func() { p.cluster.Delete(context.WithoutCancel(p.Context()), w) })
	r := reclaim(p.T, p.node)
	eventually(p.T, "five dead containers", func() error {
		if dead := r.dead("worker"); len(dead) < 5 {
			return fmt.Errorf("there are %d", len(dead))
		}
		return nil
	})
	folder, pod := folderOf(p.T, p.cluster, p.node, w, "worker")
	before := r.dead("worker")
	p.wants(everything)
	p.dies()
	p.recovers()
	newest := before[len(before)-1]
	for _, attempt := range r.dead("worker") {
		if attempt < newest {
			p.Errorf("attempt %d of %v is left", attempt, before)
		}
	}
	logs, err := filepath.Glob(filepath.Join(folder, "*.log"))
	p.must(err)
	for _, log := range logs {
		var attempt uint32
		if _, err := fmt.Sscanf(filepath.Base(log), "%d.log", &attempt); err != nil || attempt < newest {
			p.Errorf("%s is left of %v: %v", log, before, err)
		}
	}
	if _, err := p.node.Get(p.Context(), "/containerLogs/default/"+pod.Metadata.Name+"/worker?previous=true&tailLines=1"); err != nil {
		p.Errorf("the log of its last run cannot be read: %v", err)
	}
	if _, now := folderOf(p.T, p.cluster, p.node, w, "worker"); now.Metadata.UID != pod.Metadata.UID {
		p.Error("the pod is another")
	}
	// It counts in a volume.
	if n := ran(p.T, p.node, w, "init"); n != 1 {
		p.Errorf("its init container ran %d times", n)
	}
}

// Sandboxes of pods that the kubelet does not know go, and no other does.
func (p *patient) sandbox(swept <-chan time.Time) {
	p.publish(1, "stays:1")
	p.run("stays", "stays:1")
	_, pod := folderOf(p.T, p.cluster, p.node, cluster.Workload{Name: "stays"}, "worker")
	kept := filepath.Join(p.node.RootDir(), "pods", pod.Metadata.UID, "volumes", "kubernetes.io~empty-dir", "data", "kept")
	p.must(os.WriteFile(kept, []byte("a volume's"), 0o600))
	// The kubelet removes them, too, once a minute: right after that there is time.
	const period = time.Minute
	since := time.Since(<-swept) % period
	if since > period/3 {
		time.Sleep(period - since + time.Second)
	}
	known, err := p.runtime.Sandboxes(p.Context())
	p.must(err)
	var lost []string
	for i := range 3 {
		lost = append(lost, p.strayed(fmt.Sprintf("lost-%d", i)))
	}
	p.wants(everything)
	p.dies()
	p.recovers()
	left, err := p.runtime.Sandboxes(p.Context())
	p.must(err)
	ids := make(map[string]bool)
	for _, s := range left {
		ids[s.ID] = true
		if slices.Contains(lost, s.ID) {
			p.Errorf("sandbox %s is left", s.Pod)
		}
	}
	for _, s := range known {
		if !ids[s.ID] && s.Ready {
			p.Errorf("the sandbox of %s is gone", s.Pod)
		}
	}
	p.pods()
	if text, err := os.ReadFile(kept); err != nil || string(text) != "a volume's" {
		p.Errorf("a volume's file has %q: %v", text, err)
	}
}

// strayed makes a sandbox that was a pod's once, and returns its ID.
func (p *patient) strayed(name string) string {
	p.Helper()
	conn, err := grpc.NewClient("unix://"+p.node.Socket(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	p.must(err)
	defer conn.Close()
	client, uid := api.NewRuntimeServiceClient(conn), "00000000-0000-0000-0000-"+fmt.Sprintf("%012x", len(name)+int(name[len(name)-1])<<8)
	made, err := client.RunPodSandbox(p.Context(), &api.RunPodSandboxRequest{Config: &api.PodSandboxConfig{
		Metadata: &api.PodSandboxMetadata{Name: name, Namespace: "default", Uid: uid},
		Labels: map[string]string{
			"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": "default", "io.kubernetes.pod.uid": uid,
		},
		Linux: &api.LinuxPodSandboxConfig{
			CgroupParent:    p.node.Cgroup(),
			SecurityContext: &api.LinuxSandboxSecurityContext{NamespaceOptions: &api.NamespaceOption{Network: api.NamespaceMode_NODE}},
		},
	}})
	p.must(err)
	_, err = client.StopPodSandbox(p.Context(), &api.StopPodSandboxRequest{PodSandboxId: made.PodSandboxId})
	p.must(err)
	return made.PodSandboxId
}

// sweeps says when the kubelet removes sandboxes that are nobody's, once.
func (p *patient) sweeps() <-chan time.Time {
	p.Helper()
	id, swept := p.strayed("canary"), make(chan time.Time, 1)
	go func() {
		for p.Context().Err() == nil {
			all, err := p.runtime.Sandboxes(p.Context())
			if err == nil && !slices.ContainsFunc(all, func(s runtime.Sandbox) bool { return s.ID == id }) {
				swept <- time.Now()
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return swept
}
