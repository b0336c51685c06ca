//go:build e2e

package remedies

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/lab/registry"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/runtime/cri"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// A place is a real node, a registry that it pulls from, and what remedies see of
// both.
type place struct {
	*testing.T
	cluster  *cluster.Cluster
	node     *cluster.Node
	registry *registry.Registry
	runtime  *cri.Client
	viewer   *kubelet.Viewer
	unused   *remedy.UnusedImages
}

// quiet keeps the kubelet from doing itself what a remedy is to do.
var quiet = map[string]any{
	"imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
	"evictionHard": map[string]any{"nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.inodesFree": "1%", "memory.available": "1Mi"},
}

func newPlace(t *testing.T) *place {
	t.Helper()
	return placeOn(t, cluster.NodeConfig{Layout: cluster.TwoDisks, Kubelet: quiet})
}

func placeOn(t *testing.T, config cluster.NodeConfig) *place {
	t.Helper()
	c := cluster.Start(t)
	n := c.StartNode(t, config)
	p := &place{T: t, cluster: c, node: n, registry: registry.Start(t, c.Address())}
	p.must(n.Trust(p.registry.Host()))
	var err error
	p.runtime, err = cri.New("unix://" + n.Socket())
	p.must(err)
	t.Cleanup(func() { p.runtime.Close() })
	p.viewer, err = kubelet.NewViewer(kubelet.Options{URL: n.URL, CAFile: c.CA(), CertFile: c.Admin().Cert, KeyFile: c.Admin().Key})
	p.must(err)
	p.unused = remedy.NewUnusedImages(filepath.Join(t.TempDir(), "unused.json"))
	return p
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// tag is a name in the registry.
func (p *place) tag(name string) string { return p.registry.Host() + "/" + name }

// publish makes an image of so many MiB and puts it into the registry, under each
// of the names.
func (p *place) publish(mib int64, names ...string) {
	p.Helper()
	image, err := p.cluster.Make(p.Context(), cluster.Image{Name: p.tag(names[0]), Args: []string{"pause"}, Ballast: mib << 20})
	p.must(err)
	for _, name := range names {
		image.Name = p.tag(name)
		p.must(p.registry.Add(image))
	}
}

// pull publishes and pulls.
func (p *place) pull(mib int64, names ...string) {
	p.Helper()
	p.publish(mib, names...)
	for _, name := range names {
		p.must(p.node.Pull(p.Context(), p.tag(name)))
	}
}

// run starts a pod and waits until it is ready.
func (p *place) run(name, image string) {
	p.Helper()
	p.cluster.StartPods(p, cluster.Workload{Name: name, Node: p.node, Image: p.tag(image), Pull: "IfNotPresent"})
}

// images lists the names of the registry's images that the node has.
func (p *place) images() []string {
	p.Helper()
	all, err := p.runtime.Images(p.Context())
	p.must(err)
	var names []string
	for _, i := range all {
		for _, tag := range i.Tags {
			if name, ours := strings.CutPrefix(tag, p.registry.Host()+"/"); ours {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// pods fails unless each pod of the node is ready and was never restarted.
func (p *place) pods() {
	p.Helper()
	pods, err := p.node.Pods(context.WithoutCancel(p.Context()))
	p.must(err)
	for _, pod := range pods {
		for _, s := range pod.Status.ContainerStatuses {
			if s.RestartCount > 0 {
				p.Errorf("%s/%s was restarted %d times", pod.Metadata.Name, s.Name, s.RestartCount)
			}
		}
		if !pod.Ready() {
			p.Errorf("%s is not ready: %s %s", pod.Metadata.Name, pod.Status.Phase, pod.Status.Message)
		}
	}
}

func (p *place) view() remedy.Node {
	return remedy.Node{
		Name: p.node.Name, Runtime: p.runtime, Pods: p.viewer, Unused: p.unused,
		Disk: func(context.Context, headroom.Filesystem) (node.Disk, error) { return p.disk() },
	}
}

func (p *place) disk() (node.Disk, error) { return disk.Of(p.node.ContainerdRoot()) }

// available is what imagefs has.
func (p *place) available() int64 {
	p.Helper()
	var st unix.Statfs_t
	p.must(unix.Statfs(p.node.ContainerdRoot(), &st))
	return int64(st.Bavail) * st.Bsize
}

// inodes is how many imagefs has left.
func (p *place) inodes() int64 {
	p.Helper()
	var st unix.Statfs_t
	p.must(unix.Statfs(p.node.ContainerdRoot(), &st))
	return int64(st.Ffree)
}

// A play is one remedy's run on a place.
type play struct {
	place     *place
	remedy    remedy.Remedy
	available func() int64
	target    int64 // available then
	plan      remedy.Plan
	removed   []string
	notes     []string
}

// prepare has the remedy plan for so many bytes more than there are.
func (p *place) prepare(r remedy.Remedy, bytes int64) *play {
	p.Helper()
	return p.prepareFor(r, headroom.ImageFSAvailable, p.available, bytes)
}

// prepareFor has the remedy plan for so much more than there is of a signal.
func (p *place) prepareFor(r remedy.Remedy, signal headroom.Signal, available func() int64, more int64) *play {
	p.Helper()
	p.must(p.unused.Look(p.Context(), p.runtime, p.viewer))
	disk, err := p.disk()
	p.must(err)
	y := &play{place: p, remedy: r, available: available, target: available() + more}
	y.plan, err = r.Plan(p.Context(), p.view(), remedy.Need{Signal: signal, Disk: disk, Amount: more})
	p.must(err)
	return y
}

// names are what the plan would remove, of the registry's images.
func (y *play) names() []string {
	var names []string
	for _, item := range y.plan.Items {
		names = append(names, strings.TrimPrefix(strings.TrimPrefix(item.What, "image "), y.place.registry.Host()+"/"))
	}
	return names
}

// apply carries the plan out.
func (y *play) apply() {
	y.place.Helper()
	y.applyOn(y.place.view())
}

func (y *play) applyOn(n remedy.Node) {
	y.place.Helper()
	var err error
	y.notes, err = y.remedy.Apply(y.place.Context(), n, y.plan, remedy.Run{
		Key:     "one",
		Missing: func(context.Context) (int64, error) { return y.target - y.available(), nil },
		Removed: func(i remedy.Item, a headroom.Amount) {
			y.removed = append(y.removed, strings.TrimPrefix(strings.TrimPrefix(i.What, "image "), y.place.registry.Host()+"/"))
		},
	})
	y.place.must(err)
	y.place.Logf("removed %v; notes %q", y.removed, y.notes)
}
