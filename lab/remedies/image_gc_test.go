//go:build e2e

package remedies

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// gc takes images as soon as they have been seen unused.
const gc = "minAge: 0s\n"

func TestImagesGoUntilTheTargetAndPodsRunOn(t *testing.T) {
	p := newPlace(t)
	p.publish(10, "web:1")
	p.run("web", "web:1")
	p.pull(40, "a:1")
	p.pull(20, "b:1")
	p.pull(60, "c:1")
	before := p.registry.Pulls()
	// containerd counts what it fetched, and not what it unpacked besides: an image
	// frees twice its size here.
	y := p.prepare(configured(p, remedy.ImageGC{}, gc), 150<<20)
	if diff := cmp.Diff([]string{"c:1", "a:1", "b:1"}, y.names()); diff != "" {
		t.Errorf("%s\n%q", diff, y.plan.Notes)
	}
	y.apply()
	if diff := cmp.Diff([]string{"b:1", "web:1"}, p.images()); diff != "" || p.available() < y.target {
		t.Errorf("%s\n%d bytes are available, %d are wanted", diff, p.available(), y.target)
	}
	p.pods()
	time.Sleep(2 * time.Second) // the kubelet looks at its pods every second
	p.pods()
	if diff := cmp.Diff(before, p.registry.Pulls()); diff != "" {
		t.Errorf("something was pulled again:\n%s", diff)
	}
}

func TestHazardImageGCPauseOrPinnedRemovedOnARealNode(t *testing.T) {
	p := newPlace(t)
	p.pull(20, "pinned:1")
	_, err := p.node.Ctr(t.Context(), "images", "label", p.tag("pinned:1"), "io.cri-containerd.pinned=pinned")
	p.must(err)

	// The pause image is imported, and so is another that nobody needs; the label is
	// what containerd pins it by.
	_, err = p.node.Ctr(t.Context(), "images", "label", cluster.PauseImage, "io.cri-containerd.pinned=")
	p.must(err)

	// A pod that waits for a volume has neither a sandbox nor a container. It wants
	// one image to run and another to mount.
	p.pull(20, "pending:1")
	p.pull(20, "mounted:1")
	waiting := cluster.Workload{Name: "pending", Node: p.node, Image: p.tag("pending:1"), Pull: "IfNotPresent", Spec: map[string]any{
		"volumes": []any{
			map[string]any{"name": "data", "emptyDir": map[string]any{}},
			map[string]any{"name": "config", "configMap": map[string]any{"name": "comes-later"}},
			map[string]any{"name": "files", "image": map[string]any{"reference": p.tag("mounted:1"), "pullPolicy": "IfNotPresent"}},
		},
	}}
	p.must(p.cluster.Apply(t.Context(), waiting))
	t.Cleanup(func() { p.cluster.Delete(context.WithoutCancel(t.Context()), waiting) })

	// A pod that is over keeps its container, which could be looked at.
	p.publish(20, "dead:1")
	ended := cluster.Workload{Name: "dead", Node: p.node, Image: p.tag("dead:1"), Pull: "IfNotPresent",
		Containers: map[string][]string{"main": {"nothing-of-the-kind"}}, Spec: map[string]any{"restartPolicy": "Never"}}
	p.must(p.cluster.Apply(t.Context(), ended))
	t.Cleanup(func() { p.cluster.Delete(context.WithoutCancel(t.Context()), ended) })

	// One ID with two tags, of which a pod wants the second.
	p.pull(20, "old:1", "new:1")
	p.run("two", "new:1")

	p.pull(20, "kept:1")
	p.must(cluster.Wait(t.Context(), "the pod to be over, and the other bound", func(ctx context.Context) error {
		pods, err := p.viewer.Pods(ctx)
		if err == nil && !(slices.ContainsFunc(pods, func(p node.Pod) bool { return p.Name == "dead" && p.Over }) &&
			slices.ContainsFunc(pods, func(p node.Pod) bool { return p.Name == "pending" })) {
			err = errNotYet
		}
		return err
	}))
	p.pull(20, "unneeded:1")
	p.must(p.node.Load(t.Context(), cluster.Image{Name: "localhost/built:1", Ballast: 10 << 20}))
	y := p.prepare(configured(p, remedy.ImageGC{}, gc+"local: remove\nkeep: ['*/kept']\n"), 1<<40)
	y.apply()
	if diff := cmp.Diff([]string{"dead:1", "kept:1", "mounted:1", "new:1", "old:1", "pending:1", "pinned:1"}, p.images()); diff != "" {
		t.Errorf("%s\n%q", diff, append(y.plan.Notes, y.notes...))
	}
	if _, there, err := p.runtime.Image(t.Context(), cluster.PauseImage); !there || err != nil {
		t.Errorf("the pause image is gone: %v", err)
	}
	if _, there, err := p.runtime.Image(t.Context(), "localhost/built:1"); there || err != nil {
		t.Errorf("an image that was imported and that nobody needs is there: %v", err)
	}
	p.run("after", "kept:1")
}

func TestAnImageOfALocalBuildStays(t *testing.T) {
	p := newPlace(t)
	p.pull(10, "a:1")
	p.run("a", "a:1") // a sandbox, without which nobody knows what new ones need
	p.must(p.node.Load(t.Context(), cluster.Image{Name: "localhost/built:1", Ballast: 10 << 20}))
	y := p.prepare(configured(p, remedy.ImageGC{}, gc), 1<<40)
	y.apply()
	if _, there, err := p.runtime.Image(t.Context(), "localhost/built:1"); !there || err != nil {
		t.Errorf("gone: %v", err)
	}
}

func TestHazardImageGCCreatedBetweenListAndDeleteOnARealNode(t *testing.T) {
	p := newPlace(t)
	p.pull(10, "other:1")
	p.run("other", "other:1")
	p.pull(40, "late:1")
	p.pull(20, "never:1")
	y := p.prepare(configured(p, remedy.ImageGC{}, gc), 1<<40)
	if diff := cmp.Diff([]string{"late:1", "never:1"}, y.names()); diff != "" {
		t.Fatal(diff)
	}
	p.run("late", "late:1")
	y.apply()
	if diff := cmp.Diff([]string{"late:1", "other:1"}, p.images()); diff != "" {
		t.Errorf("%s\n%q", diff, y.notes)
	}
	p.pods()
	if n := p.registry.Pulls()["late:1"]; n != 1 {
		t.Errorf("late:1 was pulled %d times", n)
	}
}

func TestHazardImageGCNodeOfflineOnARealNode(t *testing.T) {
	p := newPlace(t)
	p.pull(10, "a:1")
	p.run("a", "a:1")
	p.pull(10, "b:1")
	p.must(p.registry.Close())
	y := p.prepare(configured(p, remedy.ImageGC{}, gc), 1<<40)
	if len(y.plan.Items) != 0 || !strings.Contains(strings.Join(y.plan.Notes, "\n"), "does not answer") {
		t.Errorf("plans %v: %q", y.names(), y.plan.Notes)
	}
}

// A clock notes when the last look before a removal begins, and when the removal
// is over.
type clock struct {
	remedy.Runtime
	kubelet remedy.Pods
	began   time.Time
	window  []time.Duration
}

func (c *clock) Pods(ctx context.Context) ([]node.Pod, error) {
	c.began = time.Now()
	return c.kubelet.Pods(ctx)
}

func (c *clock) RemoveImage(ctx context.Context, id string) error {
	c.window = append(c.window, time.Since(c.began))
	return c.Runtime.RemoveImage(ctx, id)
}

// TestWindow prints how long a pod or container may be overlooked: from the last
// look at pods to the call that removes.
func TestWindow(t *testing.T) {
	p := newPlace(t)
	p.publish(1, "web:1")
	const pods = 20
	p.cluster.StartPods(t, cluster.Workload{Name: "web", Node: p.node, Replicas: pods, Image: p.tag("web:1"), Pull: "IfNotPresent"})
	for _, name := range []string{"a:1", "b:1", "c:1", "d:1", "e:1"} {
		p.pull(5, name)
	}
	y := p.prepare(configured(p, remedy.ImageGC{}, gc), 1<<40)
	c := &clock{Runtime: p.runtime, kubelet: p.viewer}
	n := p.view()
	n.Runtime, n.Pods = c, c
	y.applyOn(n)
	if len(c.window) < 5 {
		t.Errorf("removed %d images", len(c.window))
	}
	t.Logf("with %d pods, between the last look and the removal: %v", pods, c.window)
}
