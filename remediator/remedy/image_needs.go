package remedy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// Needs are the images that something on the node needs.
type needs struct {
	ids   map[string]string // bare IDs, and who needs them
	names map[string]string // names as they are written, and who needs them
	asked map[string]bool   // those names of which the runtime has said what they stand for
	// unclear is why no image may be taken for unneeded, "" if there is no reason.
	unclear string
}

// lookForNeeds asks who needs images now: pods first, for the kubelet acts on them
// last, and what containers and sandboxes are made from last. Then it has the
// runtime say what the names stand for.
func lookForNeeds(ctx context.Context, n Node) (*needs, error) {
	look := &needs{ids: make(map[string]string), names: make(map[string]string), asked: make(map[string]bool)}
	pods, err := n.Pods.Pods(ctx)
	if err != nil {
		return nil, err
	}
	for _, pod := range pods {
		look.pod(pod)
	}
	// What pods name takes the longest to resolve, so it is done in between.
	if err := look.resolve(ctx, n.Runtime); err != nil {
		return nil, err
	}
	containers, err := n.Runtime.Containers(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		look.container(c)
	}
	sandboxes, err := n.Runtime.Sandboxes(ctx)
	if err != nil {
		return nil, err
	}
	look.sandboxes(sandboxes, pods)
	return look, look.resolve(ctx, n.Runtime)
}

const (
	byPod       = "a pod wants it"
	byContainer = "a container is made from it"
	bySandbox   = "a sandbox is made from it"
)

// pod notes what a pod wants until it is over. A name that the kubelet could not
// parse either wants nothing.
func (l *needs) pod(p node.Pod) {
	if p.Over {
		return
	}
	for _, image := range p.Images {
		if _, err := reference.ParseNormalizedNamed(image); err == nil || bareID(image) != "" {
			l.add(byPod, image)
		}
	}
}

// container notes what a container is made from: its image's ID if there is one,
// for names may have been given to another since.
func (l *needs) container(c runtime.Container) {
	if len(c.ImageRefs) == 0 {
		l.unclear = fmt.Sprintf("what container %s is made from cannot be told", printable(c.ID))
		return
	}
	refs := slices.Clone(c.ImageRefs)
	if slices.ContainsFunc(refs, isID) {
		refs = slices.DeleteFunc(refs, func(ref string) bool { return !isID(ref) })
	}
	l.add(byContainer, refs...)
}

// sandboxes notes what sandboxes are made from, and so will new ones. Where one is
// ready and the kubelet does not list its pod, the list is not whole: a kubelet that
// has just begun knows of no pod, or only of static ones until the API server
// answers, and will start others without a word.
func (l *needs) sandboxes(all []runtime.Sandbox, pods []node.Pod) {
	known := false
	for _, s := range all {
		known = known || len(s.ImageRefs) > 0
		l.add(bySandbox, s.ImageRefs...)
		switch {
		case s.Ready && len(s.ImageRefs) == 0:
			l.unclear = fmt.Sprintf("what the sandbox of pod %s is made from cannot be told", printable(s.Namespace+"/"+s.Pod))
		case s.Ready && !listed(pods, s):
			l.unclear = fmt.Sprintf("the kubelet does not list pod %s, whose sandbox is ready: it may not know all its pods yet", printable(s.Namespace+"/"+s.Pod))
		}
	}
	if !known && l.unclear == "" {
		l.unclear = "there is no sandbox that tells which image new ones are made from"
	}
}

// listed reports whether a sandbox's pod is among those: by its UID, or by its name,
// for a static pod's UID is not the same everywhere.
func listed(pods []node.Pod, s runtime.Sandbox) bool {
	return slices.ContainsFunc(pods, func(p node.Pod) bool {
		return p.UID == s.PodUID || p.Namespace == s.Namespace && p.Name == s.Pod
	})
}

func (l *needs) add(who string, refs ...string) {
	for _, ref := range refs {
		if id := bareID(ref); id != "" {
			l.ids[id] = who
		} else if _, seen := l.names[ref]; !seen {
			l.names[ref] = who
		}
	}
}

// resolve adds the IDs of what names stand for that were not yet resolved.
func (l *needs) resolve(ctx context.Context, images Images) error {
	for name, who := range l.names {
		if l.asked[name] {
			continue
		}
		image, ok, err := images.Image(ctx, name)
		if err != nil {
			return fmt.Errorf("what %q stands for: %w", name, err)
		}
		if ok {
			l.ids[trimID(image.ID)] = who
		}
		l.asked[name] = true
	}
	return nil
}

// of says who needs an image, "" for nobody.
func (l *needs) of(image runtime.Image) string {
	if who := l.ids[trimID(image.ID)]; who != "" {
		return who
	}
	for _, name := range slices.Concat(image.Tags, image.Digests) {
		if who := l.names[name]; who != "" {
			return who
		}
	}
	return ""
}

// trimID is an image's ID without what containerd begins it with and CRI-O does
// not.
func trimID(id string) string { return strings.TrimPrefix(id, "sha256:") }

// bareID returns the ID that a reference is, "" for a name.
func bareID(ref string) string {
	id := trimID(ref)
	if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return id
}

func isID(ref string) bool { return bareID(ref) != "" }
