package remedy

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// A pruner decides what may go.
type pruner struct {
	pruneSettings
	node   Node
	need   Need
	out    podSet
	layers bool // what containers write is on the disk in need
	notes  notes
}

// items returns all that may go, in a stable order.
func (p *pruner) items(ctx context.Context) ([]Item, error) {
	all, err := p.node.Runtime.Containers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	logs, err := p.findLogs(ctx)
	if err != nil {
		return nil, err
	}
	h, held := historyOf(all), sandboxesOf(all)
	dead := slices.DeleteFunc(all, func(c runtime.Container) bool { return !p.mayGo(c, h) })
	orphans := p.orphans(logs, h)
	looked := slices.Clone(orphans)
	for _, c := range dead {
		if l := logs.of(c, h); l != nil {
			looked = append(looked, l)
		}
	}
	if err := markNeeded(ctx, p.node.Proc, looked); err != nil {
		return nil, err
	}
	items := p.orphanItems(orphans)
	for _, c := range dead {
		item, ok, err := p.container(ctx, c, logs.of(c, h))
		if err != nil {
			return nil, err
		}
		if ok {
			items = append(items, item)
		}
	}
	if p.layers {
		items = append(items, p.sandboxItems(ctx, held)...)
	}
	slices.SortFunc(items, func(a, b Item) int { return strings.Compare(a.What+a.id, b.What+b.id) })
	return items, nil
}

// A unit is what the kubelet keeps the last dead container of.
type unit struct{ uid, name string }

// A history is the containers of each unit.
type history map[unit][]runtime.Container

func historyOf(all []runtime.Container) history {
	h := make(history)
	for _, c := range all {
		u := unit{c.PodUID, c.Name}
		h[u] = append(h[u], c)
	}
	return h
}

// last reports whether c may be the newest dead container of its unit, by when
// it was made or by its number: the two may differ after a clock was set.
func (h history) last(c runtime.Container) bool {
	newest, highest := true, true
	for _, other := range h[unit{c.PodUID, c.Name}] {
		if other.ID != c.ID && other.Dead {
			newest = newest && !other.Created.After(c.Created)
			highest = highest && other.Attempt <= c.Attempt
		}
	}
	return newest || highest
}

// mayGo reports whether a container can be removed as far as the list tells.
func (p *pruner) mayGo(c runtime.Container, h history) bool {
	what, pod := deadName(c), podName{c.Namespace, c.Pod, c.PodUID}
	switch {
	case !c.Dead:
		return false
	case !kubernetes(c):
		p.notes.add("not labelled as a container of Kubernetes", what)
	case c.Name == apiServer:
		p.notes.add(mayBeAudit, what)
	case slices.Contains(p.ExcludeNamespaces, c.Namespace):
		p.notes.add("excludeNamespaces names "+c.Namespace, what)
	case p.out.has(pod):
		p.notes.add(hasOptedOut, what)
	case h.last(c):
		p.notes.add("the newest dead one of its pod and name", what)
	default:
		return true
	}
	return false
}

// kubernetes reports whether a kubelet's labels say whose c is.
func kubernetes(c runtime.Container) bool {
	label := func(key string) string { return c.Labels["io.kubernetes."+key] }
	return c.PodUID != "" && c.Name != "" && label("pod.uid") == c.PodUID && label("container.name") == c.Name &&
		label("pod.namespace") != "" && label("pod.name") != ""
}

// deadName names a container for people.
func deadName(c runtime.Container) string {
	return printable(fmt.Sprintf("container %s/%s/%s/%d %.13s", c.Namespace, c.Pod, c.Name, c.Attempt, c.ID))
}

// container returns what the removal of a container with its logs does, and
// false if it is to be left alone or frees nothing in need.
func (p *pruner) container(ctx context.Context, c runtime.Container, logs *deadLogs) (Item, bool, error) {
	what := deadName(c)
	item := Item{Does: Remove, What: what, id: c.ID}
	known := true
	if p.layers || p.MaxWritable > 0 {
		bytes, inodes, told, err := p.node.Runtime.Written(ctx, c.ID)
		switch {
		case ctx.Err() != nil:
			return Item{}, false, ctx.Err()
		case err != nil:
			p.notes.add("cannot tell how much it has written: "+err.Error(), what)
			return Item{}, false, nil
		case told && p.MaxWritable > 0 && bytes > int64(p.MaxWritable):
			p.notes.add(fmt.Sprintf("it has written more than maxWritable (%d bytes)", p.MaxWritable), what)
			return Item{}, false, nil
		}
		if known = told || !p.layers; p.layers {
			item.Frees = headroom.Amount{Bytes: bytes, Inodes: inodes}
		}
	}
	if logs != nil {
		item.file = file{in: logs.in, name: logs.live}
		if logs.in.id.disk == p.need.Disk {
			item.Frees = item.Frees.Add(logs.frees)
		}
		if logs.needed != "" {
			p.notes.add(logs.needed, what)
			return Item{}, false, nil
		}
	}
	if known && item.Frees.In(p.need.Signal.Unit()) <= 0 {
		return Item{}, false, nil
	}
	if reason := p.stillDead(ctx, c.ID); reason != "" {
		p.notes.add(reason, what)
		return Item{}, false, ctx.Err()
	}
	item.unknown = !known
	return item, true, nil
}

// stillDead returns why a container's own status does not allow its removal, or
// "". One that is gone is no reason to do anything, either.
func (p *pruner) stillDead(ctx context.Context, id string) string {
	c, ok, err := p.node.Runtime.Container(ctx, id)
	switch {
	case err != nil:
		return "cannot tell its state: " + err.Error()
	case !ok:
		return goneMeanwhile
	case !c.Dead || c.Running:
		return hasChanged
	case c.Finished.IsZero():
		return "cannot tell when it ended"
	case time.Since(c.Finished) < p.MinAge:
		return fmt.Sprintf("it ended less than %s ago", p.MinAge)
	}
	return ""
}

const goneMeanwhile = "it is gone"

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
		pod := podName{s.Namespace, s.Pod, s.PodUID}
		known := slices.ContainsFunc(pods, func(k node.Pod) bool {
			return k.UID == s.PodUID || k.Namespace == s.Namespace && k.Name == s.Pod
		})
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
