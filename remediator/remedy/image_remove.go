package remedy

import (
	"context"
	"fmt"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// Apply looks again at everything that speaks for an image right before its
// removal, and at the disk right after: it stops as soon as nothing is missing.
func (g ImageGC) Apply(ctx context.Context, n Node, plan Plan, run Run) ([]string, error) {
	if len(plan.Items) == 0 {
		return nil, nil
	}
	switch reason, err := g.useless(ctx, n, plan.need); {
	case err != nil:
		return nil, err
	case reason != "":
		return []string{reason}, nil
	}
	a := imageApply{gc: g, node: n, need: plan.need, run: run}
	err := a.apply(ctx, plan.Items)
	return a.left.list(), err
}

// An imageApply is one run of ImageGC.Apply.
type imageApply struct {
	gc     ImageGC
	node   Node
	need   Need
	run    Run
	left   notes
	failed int   // removals that the runtime refused
	reach  reach // of the registries asked since the run began
	asked  time.Duration
}

func (a *imageApply) apply(ctx context.Context, items []Item) error {
	missing, err := a.missing(ctx)
	for _, item := range items {
		if err != nil || missing <= 0 {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var size int64
		var removed bool
		switch size, removed, err = a.remove(ctx, item); {
		case err != nil:
		case removed:
			missing, err = a.settle(ctx, missing, size)
		default: // somebody else was faster, or that took its time
			missing, err = a.missing(ctx)
		}
	}
	return err
}

func (a *imageApply) missing(ctx context.Context) (int64, error) {
	missing, err := a.run.Missing(ctx)
	if err != nil {
		return 0, fmt.Errorf("read what is missing: %w", err)
	}
	return missing, nil
}

// remove removes one image if it is still as it was planned to be and nothing
// speaks for it. An error concerns all images.
func (a *imageApply) remove(ctx context.Context, item Item) (size int64, removed bool, err error) {
	image, ok, err := a.node.Runtime.Image(ctx, item.id)
	if err != nil || !ok { // it is gone, as it should be
		return 0, false, err
	}
	reason, err := a.forbids(ctx, item, image)
	if err != nil {
		return 0, false, err
	}
	if reason != "" {
		a.left.add(reason, item.What)
		return 0, false, nil
	}
	if err := a.node.Runtime.RemoveImage(ctx, image.ID); err != nil {
		if !a.gone(ctx, image.ID) {
			if a.failed++; ctx.Err() != nil || a.failed == maxFailed {
				return 0, false, fmt.Errorf("remove: %w", err)
			}
			a.left.add(err.Error(), item.What) // half of its names may be gone
			return 0, false, nil
		}
	}
	if unused, ok := a.node.Unused.(interface{ Forget(string) }); ok {
		unused.Forget(image.ID)
	}
	a.run.Removed(item, headroom.Amount{Bytes: image.Size})
	a.run.step(imageRemoved)
	return image.Size, true, nil
}

// gone reports whether there is an image no more whose removal ended with an error:
// a runtime may forget it first and then take long to remove its files.
func (a *imageApply) gone(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goneTimeout)
	defer cancel()
	_, there, err := a.node.Runtime.Image(ctx, id)
	return err == nil && !there
}

// goneTimeout bounds the question whether something is gone, where its removal ended
// with an error.
const goneTimeout = 5 * time.Second

// forbids says why an image must stay now, "" if nothing speaks for it. It is the
// last look before the image goes.
func (a *imageApply) forbids(ctx context.Context, item Item, image runtime.Image) (string, error) {
	if trimID(image.ID) != trimID(item.id) || imageName(image) != item.What {
		return errChanged.Error(), nil
	}
	if reason := a.unreachable(ctx, image); reason != "" {
		return reason, nil
	}
	needed, err := lookForNeeds(ctx, a.node)
	if err != nil {
		return "", err
	}
	if needed.unclear != "" {
		return needed.unclear, nil
	}
	return a.gc.forbids(a.node, image, needed), nil
}

// unreachable asks each registry once a run, for a plan may be hours old, and all
// of them no longer than reachAll.
func (a *imageApply) unreachable(ctx context.Context, image runtime.Image) string {
	if a.gc.config().Registry == "ignore" {
		return ""
	}
	if a.reach == nil {
		a.reach = make(reach)
	}
	for _, digest := range pulled(image) {
		address, err := registryOf(digest)
		if err != nil {
			continue // which forbids
		}
		if _, asked := a.reach[address]; !asked {
			began := time.Now()
			within, cancel := context.WithTimeout(ctx, reachAll-a.asked)
			a.reach[address] = connects(within, address)
			cancel()
			a.asked += time.Since(began)
		}
	}
	return a.reach.forbids(image)
}

// settle waits until most of what was removed can be seen, but not for long: of an
// image that shares its layers it never can. It returns what is missing then.
func (a *imageApply) settle(ctx context.Context, before, size int64) (int64, error) {
	expected := size / 2
	if a.need.Signal.Unit() != headroom.Bytes {
		expected = 1
	}
	return settle(ctx, a.missing, before-expected, settleTime)
}
