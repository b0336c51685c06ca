package remedy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// ImageGC removes images that nothing needs, largest first, until enough is free.
//
// An image stays if the runtime pins it; if a container, running or dead, or a
// sandbox is made from it; if a pod that is bound to the node names it, created or
// not, in whatever way the runtime takes for that name; if one of its names is in
// keep; if it has not been seen unused for minAge; if no registry gave it (it was
// imported or built here, and cannot be had again), unless local is remove; or if
// its registry does not answer, unless registry is ignore. Where any of that cannot
// be told, nothing is removed. Images on another disk than the one in need are none
// of its business.
//
// A removal takes all of an image's names, so what is wanted under one name stays
// under all. All of the above but the registry is looked at again right before each
// removal, pods first, containers and sandboxes last. What is created between that
// look and the removal finds its image gone and makes the kubelet pull it: a pod
// has to be bound, get its sandbox and pass the kubelet's look for its image within
// that time. With 20 pods on two cores it is 12 ms where nothing else runs and up to
// 250 ms where much does: TestWindow in lab/remedies measures it.
//
// A runtime's sizes are claims: layers that images share are counted in each, and
// disks may be given back later. So a plan has more images than should be needed,
// each is followed by a look at the disk, and what is reported as removed is the
// claim; how many inodes an image has nobody says. Keys: minAge, keep, local,
// registry.
type ImageGC struct {
	settings *imageSettings // nil is the defaults
}

// imageSettings are ImageGC's keys in a policy.
type imageSettings struct {
	// MinAge is how long an image must have been seen unused.
	MinAge time.Duration `yaml:"minAge"`
	// Keep are patterns of images that stay; see keeps.
	Keep []pattern `yaml:"keep"`
	// Local is what is done with images that no registry gave: keep or remove.
	Local string `yaml:"local"`
	// Registry is when an image's registry counts as good for having it again:
	// reachable, or ignore for always. Mirrors and proxies are not known here.
	Registry string `yaml:"registry"`
}

var defaultImageSettings = imageSettings{MinAge: 10 * time.Minute, Local: "keep", Registry: "reachable"}

const (
	maxImageAge   = 30 * 24 * time.Hour
	maxKeepImages = 1000
)

// Name returns "image-gc".
func (ImageGC) Name() string { return "image-gc" }

// Steps are after an image was removed.
func (ImageGC) Steps() []string { return []string{imageRemoved} }

const imageRemoved = "image-gc: removed"

// Configure reads the keys above.
func (ImageGC) Configure(decode func(into any) error) (Remedy, error) {
	s := defaultImageSettings
	if err := decode(&s); err != nil {
		return nil, err
	}
	switch {
	case s.MinAge < 0 || s.MinAge > maxImageAge:
		return nil, fmt.Errorf("minAge: %s: give a duration up to %s", s.MinAge, maxImageAge)
	case len(s.Keep) > maxKeepImages:
		return nil, fmt.Errorf("keep: %d patterns: give at most %d", len(s.Keep), maxKeepImages)
	case s.Local != "keep" && s.Local != "remove":
		return nil, fmt.Errorf("local: %q: give keep or remove", s.Local)
	case s.Registry != "reachable" && s.Registry != "ignore":
		return nil, fmt.Errorf("registry: %q: give reachable or ignore", s.Registry)
	}
	return ImageGC{&s}, nil
}

func (g ImageGC) config() imageSettings {
	if g.settings == nil {
		return defaultImageSettings
	}
	return *g.settings
}

// Plan lists the images, then who needs them, then asks their registries. Its
// items go on beyond the need; what those are expected to free is nothing, for
// they go only if the ones before freed less than their size.
func (g ImageGC) Plan(ctx context.Context, n Node, need Need) (Plan, error) {
	plan := Plan{need: need}
	switch reason, err := g.useless(ctx, n, need); {
	case err != nil:
		return Plan{}, err
	case reason != "":
		plan.Notes = []string{reason}
		return plan, nil
	}
	images, err := n.Runtime.Images(ctx)
	if err != nil {
		return Plan{}, err
	}
	needed, err := lookForNeeds(ctx, n)
	if err != nil {
		return Plan{}, err
	}
	if needed.unclear != "" {
		plan.Notes = []string{"nothing is removed: " + needed.unclear}
		return plan, nil
	}
	var left notes
	images = g.removable(n, images, needed, &left)
	images = g.replaceable(ctx, images, &left)
	slices.SortFunc(images, func(a, b runtime.Image) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.ID, b.ID))
	})
	plan.addImages(images, &left)
	plan.Notes = left.list()
	return plan, nil
}

// useless says why images give back nothing that is needed, or cannot be judged.
func (g ImageGC) useless(ctx context.Context, n Node, need Need) (string, error) {
	switch {
	case need.Signal.Filesystem() == "":
		return fmt.Sprintf("images give back bytes and inodes, which %s does not count", need.Signal), nil
	case n.Runtime == nil:
		return noRuntime, nil
	case n.Pods == nil:
		return "which pods are bound to the node cannot be told: give --kubelet.url", nil
	case n.Unused == nil:
		return "since when images are unused is not remembered", nil
	case n.Disk == nil:
		return "which disk images are on cannot be told", nil
	}
	disk, err := n.Disk(ctx, headroom.ImageFS)
	if err != nil {
		return "", fmt.Errorf("which disk images are on: %w", err)
	}
	if disk != need.Disk {
		return fmt.Sprintf("images are on disk %s, not on %s, which is in need", disk, need.Disk), nil
	}
	return "", nil
}

// removable returns the images that nothing on this node speaks for.
func (g ImageGC) removable(n Node, images []runtime.Image, needed *needs, left *notes) []runtime.Image {
	var kept []runtime.Image
	for _, image := range images {
		if reason := g.forbids(n, image, needed); reason != "" {
			left.add(reason, imageName(image))
			continue
		}
		kept = append(kept, image)
	}
	return kept
}

// forbids says why an image must stay, "" if nothing on this node does.
func (g ImageGC) forbids(n Node, image runtime.Image, needed *needs) string {
	s := g.config()
	if image.Pinned {
		return "the runtime pins it"
	}
	if who := needed.of(image); who != "" {
		return who
	}
	if pattern := keeps(s.Keep, image); pattern != "" {
		return fmt.Sprintf("keep has %q", pattern)
	}
	if since, known := n.Unused.Since(image.ID); !known || time.Since(since) < s.MinAge {
		return fmt.Sprintf("not yet seen unused for %s", s.MinAge)
	}
	if len(pulled(image)) == 0 && s.Local == "keep" {
		return "no registry gave it, so it could not be had again (local: remove takes such)"
	}
	return ""
}

// replaceable returns the images that could be pulled again.
func (g ImageGC) replaceable(ctx context.Context, images []runtime.Image, left *notes) []runtime.Image {
	if g.config().Registry == "ignore" {
		return images
	}
	reach := reachRegistries(ctx, images, reachAll)
	var kept []runtime.Image
	for _, image := range images {
		if reason := reach.forbids(image); reason != "" {
			left.add(reason, imageName(image))
			continue
		}
		kept = append(kept, image)
	}
	return kept
}

// addImages adds them in order.
func (p *Plan) addImages(images []runtime.Image, left *notes) {
	if p.need.Amount <= 0 {
		return
	}
	if len(images) > maxItems {
		images = images[:maxItems]
		left.add(fmt.Sprintf("a plan has at most %d images: what else there is comes with the next", maxItems), "")
	}
	spare := 0
	for _, image := range images {
		item := Item{Does: Remove, What: imageName(image), id: image.ID}
		if p.need.Signal.Unit() == headroom.Bytes && p.Frees.Bytes < p.need.Amount {
			item.Frees.Bytes = image.Size
			p.Frees = p.Frees.Add(item.Frees)
		} else if p.need.Signal.Unit() == headroom.Bytes {
			spare++
		}
		p.Items = append(p.Items, item)
	}
	if p.need.Signal.Unit() != headroom.Bytes && len(images) > 0 {
		left.add("how many inodes an image has is not known: as many are removed as it takes", "")
	}
	if spare > 0 {
		left.add(fmt.Sprintf("the last %d are removed only if those before free less than their size", spare), "")
	}
}

// imageName names an image for people.
func imageName(image runtime.Image) string {
	switch {
	case len(image.Tags) > 0:
		return printable("image " + image.Tags[0])
	case len(image.Digests) > 0:
		return printable("image " + image.Digests[0])
	}
	return printable("image " + image.ID)
}
