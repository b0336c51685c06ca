package remedy

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// sandboxesOf returns the IDs of the sandboxes that hold a container.
func sandboxesOf(all []runtime.Container) map[string]bool {
	held := make(map[string]bool)
	for _, c := range all {
		held[c.Sandbox] = true
	}
	return held
}

// sandboxItems removes the sandboxes of pods that the kubelet no longer knows.
func (p *pruner) sandboxItems(ctx context.Context, held map[string]bool) []Item {
	list, reason := p.forgotten(ctx, held)
	if reason != "" {
		p.notes.add(reason, "")
	}
	var items []Item
	for _, s := range list {
		items = append(items, Item{Does: Remove, What: sandboxName(s), id: s.ID, sandbox: true, unknown: true})
	}
	return items
}

func sandboxName(s runtime.Sandbox) string {
	return printable(fmt.Sprintf("sandbox %s/%s/%s %.13s", s.Namespace, s.Pod, strconv.FormatUint(uint64(s.Attempt), 10), s.ID))
}

// forgotten returns the sandboxes that may go, or why it cannot be told. A list
// of pods without one that runs here is not whole: a kubelet that has just
// started without the API server has such.
func (p *pruner) forgotten(ctx context.Context, held map[string]bool) ([]runtime.Sandbox, string) {
	const cannotTell = "no sandbox can go: cannot tell which pods the kubelet knows"
	if p.node.Pods == nil {
		return nil, cannotTell
	}
	list, err := p.node.Runtime.Sandboxes(ctx)
	if err != nil {
		return nil, "no sandbox can go: list sandboxes: " + err.Error()
	}
	pods, err := p.node.Pods.Pods(ctx) // after the sandboxes: a pod comes before its own
	if err != nil {
		return nil, cannotTell + ": " + err.Error()
	}
	var found []runtime.Sandbox
	for _, s := range list {
		pod, known := podName{s.Namespace, s.Pod, s.PodUID}, listed(pods, s)
		switch {
		case s.Ready && !known:
			return nil, cannotTell + ": " + sandboxName(s) + " is ready and its pod is not among them"
		case s.Ready, known, held[s.ID], s.PodUID == "", s.Labels["io.kubernetes.pod.uid"] != s.PodUID:
		case p.out.has(pod), slices.Contains(p.ExcludeNamespaces, s.Namespace):
		case s.Created.IsZero(), time.Since(s.Created) < p.MinAge:
		default:
			found = append(found, s)
		}
	}
	return found, ""
}

// sandbox removes one if its pod is still unknown.
func (a *pruneApply) sandbox(ctx context.Context, item Item) error {
	all, err := a.node.Runtime.Containers(ctx)
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	list, reason := a.p.forgotten(ctx, sandboxesOf(all))
	if reason != "" {
		return leftAlone(reason)
	}
	if !slices.ContainsFunc(list, func(s runtime.Sandbox) bool { return s.ID == item.id }) {
		return leftAlone(hasChanged)
	}
	if err := a.refused(ctx, a.node.Runtime.RemoveSandbox(ctx, item.id)); err != nil {
		return err
	}
	a.meter.removed(item, headroom.Amount{Inodes: 1}) // its folder, at least
	a.meter.run.step(pruneSandbox)
	return nil
}
