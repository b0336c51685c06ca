package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// passes is how often a ladder is climbed in one episode, as long as it helps:
// writers may outrun a plan that was just enough when it was made. They may go on
// for longer than a few quick rungs take, so where what was removed came back it is
// climbed mostPasses times, as far as a record has room for them.
const (
	passes     = 3
	mostPasses = 10
)

// repeats is how often a rung that was interrupted is applied again before it
// is taken to be the cause.
const repeats = 3

// maxRungs is how many rungs an episode may record, repeated ones included: so
// many fit into what a store keeps of a case, whatever they have to say.
const maxRungs = 60

// advance carries an episode on by one rung, or ends it. It reports whether it
// did, or left the episode to a gate.
func (e *Engine) advance(ctx context.Context, c *candidate) bool {
	ep := c.ep
	if c.missing() <= 0 && !ep.DryRun {
		e.end(ctx, c.Case, verdict(ep), "", &c.view.State)
		return true
	}
	step := nextStep(ep)
	if len(ep.Rungs) >= maxRungs || e.climbed(c, step) {
		e.end(ctx, c.Case, outOfRungs(ep), c.short(), &c.view.State)
		return true
	}
	if step > 0 && step%len(c.pc.Ladder) == 0 {
		if _, soon := pause(ep.Rungs[len(ep.Rungs)-1].Ended, interval); soon {
			return false // whoever outran it is given a moment to stop
		}
	}
	if h := e.before(c.pc.Ladder[step%len(c.pc.Ladder)]); h.holds() {
		e.wait(ctx, c.Case, h)
		return false
	}
	if unheard(ep, step, time.Now()) {
		return false
	}
	return e.climb(ctx, c, step)
}

// before asks the gates of one rung, before it costs a plan. They are for what
// is done, so a dry run passes them.
func (e *Engine) before(r policy.Rung) hold {
	if e.DryRun {
		return hold{}
	}
	if h := e.window(r); h.holds() {
		return h
	}
	return e.overBudget(e.control)
}

// missing is how much more must become available, what was lent included: that
// must be made up for by something else.
func (c *candidate) missing() int64 {
	return c.view.Missing(c.ep.Target) + lent(c.ep).In(c.Signal.Unit())
}

// missingFor is how much a remedy is to make available. What was lent is not paid
// back by lending more.
func (c *candidate) missingFor(r remedy.Remedy) int64 {
	if _, lends := r.(remedy.Lender); lends {
		return c.view.Missing(c.ep.Target)
	}
	return c.missing()
}

// slack is how much more than what is missing a rung frees: a thousandth of the
// whole, so that what others write meanwhile does not leave the node a hair below
// its target, with nothing left to try.
func (c *candidate) slack() int64 { return c.view.Capacity / 1000 }

// short says how an episode ended that did not get where it should.
func (c *candidate) short() string {
	if c.view.Missing(c.ep.Target) <= 0 && c.missing() > 0 {
		return fmt.Sprintf("headroom is %.1f%%, but only because of what had been set aside: something must still be done", 100*c.view.Ratio)
	}
	return fmt.Sprintf("headroom is %.1f%%, the target %.1f%%", 100*c.view.Ratio, 100*c.ep.Target)
}

// climbed reports whether step would begin the ladder once more without need: a
// dry run says everything once, and what did not help will not help.
func (e *Engine) climbed(c *candidate, step int) bool {
	ladder := len(c.pc.Ladder)
	if step == 0 || step%ladder != 0 {
		return false
	}
	switch {
	case e.DryRun || !helped(c.ep, step-ladder):
		return true
	case gained(c.ep, step-ladder):
		return step >= mostPasses*ladder
	}
	return step >= passes*ladder
}

// gained reports whether a rung from step on was seen to have made room.
func gained(ep *headroom.Episode, from int) bool {
	return slices.ContainsFunc(ep.Rungs, func(r headroom.Rung) bool {
		return r.Step >= from && r.Before != nil && r.After != nil && r.After.Available > r.Before.Available
	})
}

// verdict is how an episode that reached its target ends: it succeeded only if
// a rung did something, and more than lend.
func verdict(ep *headroom.Episode) headroom.Outcome {
	if slices.ContainsFunc(ep.Rungs, func(r headroom.Rung) bool { return !r.Lent && removedSome(r) }) {
		return headroom.Succeeded
	}
	return headroom.NotNeeded
}

// outOfRungs is how an episode that did not reach its target ends.
func outOfRungs(ep *headroom.Episode) headroom.Outcome {
	if ep.DryRun {
		return headroom.Planned
	}
	for _, r := range ep.Rungs {
		if r.Outcome != headroom.RungFailed {
			return headroom.Exhausted
		}
	}
	return headroom.Failed
}

// helped reports whether a rung from step on removed something, or may have.
func helped(ep *headroom.Episode, from int) bool {
	return slices.ContainsFunc(ep.Rungs, func(r headroom.Rung) bool { return r.Step >= from && removedSome(r) })
}

func removedSome(r headroom.Rung) bool {
	return r.Removed == nil || *r.Removed != headroom.Amount{}
}

// nextStep is the step after the last rung, or the same again if that one was
// interrupted and has not been too often.
func nextStep(ep *headroom.Episode) int {
	if len(ep.Rungs) == 0 {
		return 0
	}
	last := ep.Rungs[len(ep.Rungs)-1].Step
	interrupted := 0
	for _, r := range ep.Rungs {
		switch {
		case r.Step != last:
		case r.Outcome == headroom.RungInterrupted:
			interrupted++
		default:
			return last + 1
		}
	}
	if interrupted >= repeats {
		return last + 1
	}
	return last
}
