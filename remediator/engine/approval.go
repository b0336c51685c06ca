package engine

import (
	"context"
	"fmt"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// replan is how often a rung that waits for approval is planned anew: what it
// would do changes with the node, and a person must see what is so.
const replan = 30 * time.Second

// shown is how many items of a plan a pending rung lists.
const shown = 10

// unheard reports whether the open episode waits for an answer about a plan that
// is still fresh: there is no need to plan again.
func unheard(ep *headroom.Episode, step int, now time.Time) bool {
	p := ep.Pending
	return ep.Reason == headroom.AwaitingApproval && p != nil && p.Step == step &&
		now.Sub(p.At) < replan && !now.Before(p.At) && !ep.Approval.Allows(p, now)
}

// approved is the gate of rungs that need a person's word. It holds unless
// exactly this plan was approved, and lately.
func (e *Engine) approved(ctx context.Context, c *candidate, step int, plan remedy.Plan) bool {
	now := time.Now()
	pending := pendingRung(step, c.pc.Ladder[step%len(c.pc.Ladder)].Remedy.Name(), plan, now)
	if c.ep.Approval.Allows(pending, now) {
		c.ep.Pending = nil
		return true
	}
	detail := fmt.Sprintf("%s needs approval of its plan %s", pending.Remedy, pending.Plan)
	if a := c.ep.Approval; a != nil && a.Step == step {
		if a.Plan != pending.Plan {
			detail += fmt.Sprintf("; what %s approved is no longer what would be done", a.By)
		} else {
			detail += fmt.Sprintf("; what %s said has expired", a.By)
		}
	}
	before := c.ep.Pending
	c.ep.Pending = pending
	switch {
	case before == nil || before.Plan != pending.Plan || before.Step != step:
		c.ep.Reason = "" // a new question is worth a record
	case c.ep.Reason == headroom.AwaitingApproval && c.ep.Detail == detail:
		e.save(ctx, c.Case) // how old the plan is, or it would be made anew every second
		return false
	}
	e.wait(ctx, c.Case, hold{
		reason: headroom.AwaitingApproval,
		detail: detail,
		lift:   fmt.Sprintf("headroom-remediator approve %s %s", c.ep.ID, pending.Plan),
	})
	return false
}

func pendingRung(step int, name string, plan remedy.Plan, now time.Time) *headroom.Pending {
	p := &headroom.Pending{Step: step, Remedy: name, Plan: plan.Hash(), Frees: plan.Frees, At: now}
	for i, item := range plan.Items {
		if i == shown {
			p.More = len(plan.Items) - shown
			break
		}
		p.Items = append(p.Items, shortened(item.Does+" "+item.What))
	}
	return p
}
