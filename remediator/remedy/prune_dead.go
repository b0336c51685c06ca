package remedy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	headroom "github.com/nodeheadroom/headroom"
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
	h, held := historyOf(all), sandboxesOf(all)
	logs, err := p.findLogs(ctx, h)
	if err != nil {
		return nil, err
	}
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
	for _, check := range []func(context.Context, string) string{p.hasVolume, p.stillDead} {
		if reason := check(ctx, c.ID); reason != "" {
			p.notes.add(reason, what)
			return Item{}, false, ctx.Err()
		}
	}
	item.unknown = !known
	return item, true, nil
}

// hasVolume returns why what a container keeps in volumes does not allow its
// removal, or "". A volume may be empty; nobody looks into it.
func (p *pruner) hasVolume(ctx context.Context, id string) string {
	switch paths, known, err := p.node.Runtime.Volumes(ctx, id); {
	case err != nil:
		return "cannot tell whether its image declares a volume: " + err.Error()
	case !known:
		return "cannot tell whether its image declares a volume"
	case len(paths) > 0:
		return "its image declares a volume, which would go with it: " + printable(strings.Join(paths, " "))
	}
	return ""
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
