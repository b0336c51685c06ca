package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/lab/registry"
	"github.com/nodeheadroom/headroom/lab/stage"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/runtime/cri"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

const (
	// imagesRole makes this program measure images in a lab, for its parent.
	imagesRole = "images-in-a-lab"

	imageRounds = 5
	manyImages  = 20
	// imageSize is small: what is removed costs both the same.
	imageSize = 1 << 20
)

// removals are what one of each round took, in seconds.
type removals struct{ Ours, Bare []float64 }

// images removes images of a real containerd by image-gc, whose plan counts, and by
// nothing but as many calls, in turn. It needs a lab, which a stage is none of.
func (b *bench) images(ctx context.Context) error {
	if lacks := cluster.Lacks(); len(lacks) > 0 || !stage.Root() {
		b.remark("Removing images was not measured: that needs root and what make lab brings %v.", lacks)
		return nil
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", imagesRole)
	cmd.Stderr = b.progress
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	var took removals
	if err := json.Unmarshal(out, &took); err != nil {
		return err
	}
	b.compare(fmt.Sprintf("removing %d images of 1 MiB by image-gc, looking again before each and at the disk after it, median of %d", manyImages, imageRounds),
		median(took.Ours), median(took.Bare), milliseconds, "the bare CRI calls", 0)
	b.remark("%d images, in turn: %.0f to %.0f ms by image-gc, %.0f to %.0f ms by the bare calls.", manyImages,
		1e3*quantile(took.Ours, 0), 1e3*quantile(took.Ours, 1), 1e3*quantile(took.Bare, 0), 1e3*quantile(took.Bare, 1))
	return nil
}

// beImages is the child: inside the namespaces of a lab.
func beImages(out io.Writer) error {
	ctx := context.Background()
	p, err := newImagePlace(ctx)
	if err != nil {
		return err
	}
	defer p.registry.Close()
	defer p.runtime.Close()
	var took removals
	for round := range imageRounds {
		ours, err := p.byRemedy(ctx, fmt.Sprintf("ours-%d-", round))
		if err != nil {
			return err
		}
		bare, err := p.byCalls(ctx, fmt.Sprintf("bare-%d-", round))
		if err != nil {
			return err
		}
		took.Ours, took.Bare = append(took.Ours, ours), append(took.Bare, bare)
	}
	return json.NewEncoder(out).Encode(took)
}

// An imagePlace is a node with a pod, without whose sandbox nobody would know what
// new ones need.
type imagePlace struct {
	cluster  *cluster.Cluster
	node     *cluster.Node
	registry *registry.Registry
	runtime  *cri.Client
	pods     *kubelet.Viewer
	unused   *remedy.UnusedImages
}

func newImagePlace(ctx context.Context) (p *imagePlace, err error) {
	p = new(imagePlace)
	if p.cluster, err = cluster.Shared(ctx); err != nil {
		return nil, err
	}
	if p.node, err = p.cluster.Node(ctx, cluster.NodeConfig{Name: nodeName, Layout: cluster.TwoDisks}); err != nil {
		return nil, err
	}
	if p.registry, err = registry.Serve(p.cluster.Address(), p.cluster.Dir); err != nil {
		return nil, err
	}
	if err := p.node.Trust(p.registry.Host()); err != nil {
		return nil, err
	}
	if p.runtime, err = cri.New("unix://" + p.node.Socket()); err != nil {
		return nil, err
	}
	admin := p.cluster.Admin()
	p.pods, err = kubelet.NewViewer(kubelet.Options{URL: p.node.URL, CAFile: p.cluster.CA(), CertFile: admin.Cert, KeyFile: admin.Key})
	if err != nil {
		return nil, err
	}
	p.unused = remedy.NewUnusedImages(filepath.Join(p.cluster.Dir, "unused.json"))
	return p, p.cluster.Run(ctx, cluster.Workload{Name: "web", Node: p.node})
}

// pull puts new images on the node.
func (p *imagePlace) pull(ctx context.Context, prefix string) error {
	for i := range manyImages {
		name := fmt.Sprintf("%s/%s%d:1", p.registry.Host(), prefix, i)
		image, err := p.cluster.Make(ctx, cluster.Image{Name: name, Args: []string{"pause"}, Ballast: imageSize})
		if err != nil {
			return err
		}
		if err := p.registry.Add(image); err != nil {
			return err
		}
		if err := p.node.Pull(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// byRemedy has image-gc remove all that it may.
func (p *imagePlace) byRemedy(ctx context.Context, prefix string) (float64, error) {
	if err := p.pull(ctx, prefix); err != nil {
		return 0, err
	}
	if err := p.unused.Look(ctx, p.runtime, p.pods); err != nil {
		return 0, err
	}
	gc, err := remedy.ImageGC{}.Configure(func(into any) error { return yaml.Unmarshal([]byte("minAge: 0s"), into) })
	if err != nil {
		return 0, err
	}
	imagefs, err := disk.Of(p.node.ContainerdRoot())
	if err != nil {
		return 0, err
	}
	n := remedy.Node{
		Name: nodeName, Runtime: p.runtime, Pods: p.pods, Unused: p.unused,
		Disk: func(context.Context, headroom.Filesystem) (node.Disk, error) { return imagefs, nil },
	}
	const all = 1 << 40
	began := time.Now()
	plan, err := gc.Plan(ctx, n, remedy.Need{Signal: headroom.ImageFSAvailable, Disk: imagefs, Amount: all})
	if err != nil {
		return 0, err
	}
	removed := 0
	notes, err := gc.Apply(ctx, n, plan, remedy.Run{
		Missing: func(context.Context) (int64, error) {
			space, err := disk.Stat(p.node.ContainerdRoot())
			return all - space.Available, err
		},
		Removed: func(remedy.Item, headroom.Amount) { removed++ },
	})
	took := time.Since(began).Seconds()
	if err == nil && removed != manyImages {
		err = fmt.Errorf("image-gc removed %d images of %d: %q %q", removed, manyImages, plan.Notes, notes)
	}
	return took, err
}

// byCalls removes as many and looks at nothing.
func (p *imagePlace) byCalls(ctx context.Context, prefix string) (float64, error) {
	if err := p.pull(ctx, prefix); err != nil {
		return 0, err
	}
	all, err := p.runtime.Images(ctx)
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, image := range all {
		if slices.ContainsFunc(image.Tags, func(name string) bool { return strings.HasPrefix(name, p.registry.Host()+"/"+prefix) }) {
			ids = append(ids, image.ID)
		}
	}
	if len(ids) != manyImages {
		return 0, fmt.Errorf("%d images to remove, want %d", len(ids), manyImages)
	}
	began := time.Now()
	for _, id := range ids {
		if err := p.runtime.RemoveImage(ctx, id); err != nil {
			return 0, err
		}
	}
	return time.Since(began).Seconds(), nil
}
