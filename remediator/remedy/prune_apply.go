package remedy

import (
	"context"
	"fmt"
	"slices"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// Apply looks at every container again, by the list and by its own status, right
// before it removes it; between that look and the removal lies one call, in which
// the kubelet does not start a dead container, for it makes a new one. Its logs
// go after it. What a container had written counts as one inode where the
// runtime does not say how much it was.
func (c ContainerPrune) Apply(ctx context.Context, n Node, plan Plan, run Run) ([]string, error) {
	if n.Runtime == nil {
		return []string{noRuntime}, nil
	}
	out, err := optedOut(ctx, n)
	if err != nil {
		return nil, err
	}
	p := &pruner{pruneSettings: c.config(), node: n, need: plan.need, out: out}
	if p.layers, err = p.layersInNeed(ctx); err != nil {
		return nil, err
	}
	a := pruneApply{p: p, logApply: logApply{
		node: n, disk: plan.need.Disk, out: out, meter: meter{run: run, unit: plan.need.Signal.Unit()},
	}}
	defer a.folders.close()
	err = a.apply(ctx, plan.Items)
	return slices.Concat(p.notes.list(), a.notes.list()), err
}

// A pruneApply is one run of ContainerPrune.Apply.
type pruneApply struct {
	logApply
	p      *pruner
	failed int // removals that the runtime refused
	vain   int // removals after which it was waited for the disk in vain
}

// maxFailed is after how many refusals a runtime is not asked for more.
const maxFailed = 3

func (a *pruneApply) apply(ctx context.Context, items []Item) error {
	for _, item := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		missing, err := a.missing(ctx, item)
		if err != nil || missing <= 0 {
			return err
		}
		effects := a.meter.effects
		switch {
		case item.sandbox:
			err = a.sandbox(ctx, item)
		case item.id != "":
			err = a.container(ctx, item)
		case a.sparedNow(item):
			err = leftAlone(hasOptedOut)
		default:
			err = a.orphan(ctx, item)
		}
		if err = a.note(item, err); err != nil {
			return err
		}
		if item.unknown && a.meter.effects > effects {
			if enough, err := a.settle(ctx, missing-a.meter.freed); enough || err != nil {
				return err
			}
		}
	}
	return nil
}

// missing is how much is still missing, by the disk where only that will tell what
// an item gave back.
func (a *pruneApply) missing(ctx context.Context, item Item) (int64, error) {
	if item.unknown {
		return a.meter.look(ctx)
	}
	_, err := a.meter.enough(ctx)
	return a.meter.missing - a.meter.freed, err
}

const (
	// layerTime is how long it is waited at the most for what a container has
	// written: containerd's garbage collector takes turns.
	layerTime = 2 * settleTime
	// maxVain is after how many waits that showed nothing a run waits no longer.
	maxVain = 10
)

// settle waits until the disk shows what a runtime gives back later: what a
// container has written, of which only the disk can tell how much it was. missing
// is what was missing before the removal, less what is known to have gone since:
// logs, at once. Others free and write, too, so that only a fair part of it counts;
// then it goes on for as long as more comes. It reports whether nothing is missing
// any more.
func (a *pruneApply) settle(ctx context.Context, missing int64) (enough bool, err error) {
	if missing <= 0 || a.vain == maxVain {
		return false, nil
	}
	step := max(missing/fairPart, leastSeen[a.meter.unit])
	left, err := settle(ctx, a.meter.look, missing-step, layerTime)
	if err == nil && left > missing-step {
		a.vain++
		return false, nil
	}
	for more := true; more && err == nil && left > 0; {
		before := left
		left, err = settle(ctx, a.meter.look, before-1, 2*settleStep)
		more = left < before
	}
	return err == nil && left <= 0, err
}

// fairPart is how much smaller than what is missing that may be which comes back
// and counts.
const fairPart = 32

// leastSeen is what a disk shows, at the least, of a layer that is gone.
var leastSeen = map[headroom.Unit]int64{headroom.Bytes: 4096, headroom.Inodes: 1}

// container removes a dead container, and then the logs that only it had.
func (a *pruneApply) container(ctx context.Context, item Item) error {
	all, err := a.node.Runtime.Containers(ctx)
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	i := slices.IndexFunc(all, func(c runtime.Container) bool { return c.ID == item.id })
	h := historyOf(all)
	switch {
	case i < 0:
		return nil // the kubelet was faster
	case !all[i].Dead:
		return leftAlone(hasChanged)
	case !a.p.mayGo(all[i], h):
		return nil // and says why
	}
	files, err := a.logsOf(ctx, all[i], h, item)
	if err != nil {
		return err
	}
	layer, err := a.layer(ctx, item)
	if err != nil {
		return err
	}
	if reason := a.p.hasVolume(ctx, item.id); reason != "" {
		return leftAlone(reason)
	}
	switch reason := a.p.stillDead(ctx, item.id); reason {
	case "":
	case goneMeanwhile:
		return nil
	default:
		return leftAlone(reason)
	}
	if err := a.node.Runtime.RemoveContainer(ctx, item.id); err != nil && !a.gone(ctx, item.id) {
		return a.refused(ctx, err)
	}
	a.meter.removed(item, layer)
	a.meter.run.step(pruneContainer)
	// That may have taken its time: somebody may read a log by now.
	users, err := a.usersOf(ctx, files)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := a.note(item, a.dropLog(item, &f, users[f.ino])); err != nil {
			return err
		}
	}
	return nil
}

// gone reports whether there is a container no more whose removal ended with an error.
func (a *pruneApply) gone(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goneTimeout)
	defer cancel()
	_, there, err := a.node.Runtime.Container(ctx, id)
	return err == nil && !there
}

// layer is what the container has written, as far as it is on the disk in need
// and the runtime says so.
func (a *pruneApply) layer(ctx context.Context, item Item) (headroom.Amount, error) {
	bytes, inodes, known, err := a.node.Runtime.Written(ctx, item.id)
	switch {
	case err != nil:
		return headroom.Amount{}, leftAlone("cannot tell how much it has written: " + err.Error())
	case known && a.p.MaxWritable > 0 && bytes > int64(a.p.MaxWritable):
		return headroom.Amount{}, leftAlone(fmt.Sprintf("it has written more than maxWritable (%d bytes)", a.p.MaxWritable))
	case !a.p.layers:
		return headroom.Amount{}, nil
	case !known:
		return headroom.Amount{Inodes: 1}, nil // its folder, at least
	}
	return headroom.Amount{Bytes: bytes, Inodes: inodes}, nil
}

// refused turns a runtime's refusal into a reason, and the third into an error.
func (a *pruneApply) refused(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if a.failed++; ctx.Err() != nil || a.failed == maxFailed {
		return fmt.Errorf("remove: %w", err)
	}
	return leftAlone("remove: " + err.Error())
}
