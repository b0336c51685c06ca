package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
)

// A candidate is an open episode that may run now.
type candidate struct {
	*headroom.Case
	ep   *headroom.Episode
	pc   *policy.Case
	view View
	// others are all that may run now.
	others []*candidate
}

// lead picks the candidate furthest below its target. What makes room for one
// makes room for all that share its disk and unit.
func lead(all []*candidate) *candidate {
	return slices.MinFunc(all, func(a, b *candidate) int {
		// One that has begun goes first: one rung at a time, one episode at a time.
		if ra, rb := len(a.ep.Rungs) > 0, len(b.ep.Rungs) > 0; ra != rb {
			if ra {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.view.Ratio-a.ep.Target, b.view.Ratio-b.ep.Target)
	})
}

// goesAhead lets the others that share the disk of c wait for it; they are read
// again afterwards. One that waits for a person goes on doing so, or what was
// asked would be forgotten.
func (e *Engine) goesAhead(ctx context.Context, c *candidate) {
	for _, other := range c.others {
		if other == c || !shares(other, c) || other.ep.Reason == headroom.AwaitingApproval {
			continue
		}
		e.wait(ctx, other.Case, hold{
			reason: headroom.SharedDisk,
			detail: fmt.Sprintf("%s leads on disk %s", c.Signal, c.view.Disk),
			lift:   fmt.Sprintf("when the episode of %s is over", c.Signal),
			until:  other.ep.Until,
		})
	}
}

// shares reports whether what makes room for one makes room for the other.
func shares(a, b *candidate) bool {
	return a.view.Disk == b.view.Disk && a.Signal.Unit() == b.Signal.Unit() && a.Signal.Filesystem() != "" && b.Signal.Filesystem() != ""
}
