package remedy

import (
	"context"
	"fmt"
	"slices"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// ContainerPrune removes dead containers with the logs that only they had, and
// the sandboxes of pods that the kubelet no longer knows.
//
// The newest dead container of each pod and container name stays: it is how the
// kubelet knows that an init container or a Job has run, and what
// kubectl logs --previous shows. So does whatever runs or was never started,
// what carries no labels of Kubernetes, what ended a moment ago, what has
// written more than maxWritable into its own filesystem (where the runtime says
// so), whose log somebody has yet to read, and what is of a pod or a namespace
// that has opted out. A volume is never touched: one whose image declares a volume
// of which no pod has made its own stays, too, for a runtime removes both together.
// Each container is looked at again right before it goes: a runtime kills what
// runs when it is told to remove it.
//
// A sandbox goes if it is not ready, holds no container and its pod is not among
// the kubelet's; where that cannot be told, none does. The kubelet removes the
// links of /var/log/containers that lead nowhere.
//
// It frees what containers have written, on the disk of containerfs, and logs,
// on theirs; what frees nothing on the disk in need is not planned. Keys:
// excludeNamespaces, maxWritable, minAge.
type ContainerPrune struct {
	settings *pruneSettings // nil is the defaults
}

// pruneSettings are ContainerPrune's keys in a policy.
type pruneSettings struct {
	// ExcludeNamespaces are namespaces, spelled exactly, whose containers stay.
	ExcludeNamespaces []string `yaml:"excludeNamespaces"`
	// MaxWritable is how many bytes a container may have written and be removed;
	// 0 is no limit.
	MaxWritable quantity `yaml:"maxWritable"`
	// MinAge is how long ago a container must have ended.
	MinAge time.Duration `yaml:"minAge"`
}

var defaultPruneSettings = pruneSettings{MaxWritable: 1 << 30, MinAge: time.Minute}

// Name returns "container-prune".
func (ContainerPrune) Name() string { return "container-prune" }

// Steps are after a container, one of its logs, and a sandbox were removed. A
// log whose container is gone is found again by the next plan.
func (ContainerPrune) Steps() []string { return []string{pruneContainer, pruneLog, pruneSandbox} }

const (
	pruneContainer = "container-prune: container removed"
	pruneLog       = "container-prune: log removed"
	pruneSandbox   = "container-prune: sandbox removed"
)

// Configure reads the keys above.
func (ContainerPrune) Configure(decode func(into any) error) (Remedy, error) {
	s := defaultPruneSettings
	if err := decode(&s); err != nil {
		return nil, err
	}
	if s.MaxWritable < 0 {
		return nil, fmt.Errorf("maxWritable: %d: give a quantity of bytes such as 1Gi, or 0 for no limit", s.MaxWritable)
	}
	if s.MinAge < 0 {
		return nil, fmt.Errorf("minAge: %s: give a time such as 1m", s.MinAge)
	}
	for _, ns := range s.ExcludeNamespaces {
		if !dnsName(ns, "-") {
			return nil, fmt.Errorf("excludeNamespaces: %q: not a namespace's name", ns)
		}
	}
	return ContainerPrune{&s}, nil
}

func (c ContainerPrune) config() pruneSettings {
	if c.settings == nil {
		return defaultPruneSettings
	}
	return *c.settings
}

// Plan lists dead containers with what their logs take, logs whose container is
// gone, and sandboxes. What is known to free most comes first; what a container
// has written is often not known, and then counts as nothing.
func (c ContainerPrune) Plan(ctx context.Context, n Node, need Need) (Plan, error) {
	plan := Plan{need: need}
	if need.Signal.Filesystem() == "" {
		plan.Notes = []string{fmt.Sprintf("dead containers give back bytes and inodes, which %s does not count", need.Signal)}
		return plan, nil
	}
	if n.Runtime == nil {
		plan.Notes = []string{noRuntime}
		return plan, nil
	}
	out, err := optedOut(ctx, n)
	if err != nil {
		return Plan{}, err
	}
	p := pruner{pruneSettings: c.config(), node: n, need: need, out: out}
	if p.layers, err = p.layersInNeed(ctx); err != nil {
		return Plan{}, err
	}
	items, err := p.items(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan.fill(items)
	plan.Notes = p.notes.list()
	return plan, nil
}

// noRuntime is why nothing can be done on a machine of which no flag names the
// runtime, or that has none.
const noRuntime = "no container runtime can be asked: give --runtime.endpoint"

// fill takes the items that free most until they cover the need, then those of
// which it is not known, if they do not.
func (p *Plan) fill(items []Item) {
	unit := p.need.Signal.Unit()
	slices.SortStableFunc(items, func(a, b Item) int { return int(clamp(b.Frees.In(unit) - a.Frees.In(unit))) })
	for _, item := range items {
		if p.Frees.In(unit) >= p.need.Amount || len(p.Items) == maxItems {
			return
		}
		p.Items = append(p.Items, item)
		p.Frees = p.Frees.Add(item.Frees)
	}
}

func clamp(n int64) int64 { return max(-1, min(n, 1)) }

// layersInNeed reports whether what containers write is on the disk in need.
// Where nobody can say where it is, it is where its own signal is.
func (p *pruner) layersInNeed(ctx context.Context) (bool, error) {
	if p.node.Disk == nil {
		return p.need.Signal.Filesystem() == headroom.ContainerFS, nil
	}
	disk, err := p.node.Disk(ctx, headroom.ContainerFS)
	if err != nil {
		return false, fmt.Errorf("cannot tell where containers write: %w", err)
	}
	return disk == p.need.Disk, nil
}
