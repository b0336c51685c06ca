package engine

import (
	"context"
	"fmt"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
)

// A hold is why an episode must wait, and what would let it go on. The zero
// hold is none.
type hold struct {
	reason       headroom.Reason
	detail, lift string
	until        time.Time // when it ends by itself; zero is unknown
}

func (h hold) holds() bool { return h.reason != "" }

// everywhere asks the gates that hold for all episodes alike. A gate that cannot
// tell holds.
func (e *Engine) everywhere(ctx context.Context, c headroom.Control) hold {
	switch {
	case c.Pause.Holds(time.Now()):
		return pausedBy(c.Pause)
	case c.Breaker != nil:
		return hold{
			reason: headroom.BreakerOpen,
			detail: fmt.Sprintf("%d nodes had alerted by %s", c.Breaker.Nodes, clock(c.Breaker.Opened)),
			lift:   fmt.Sprintf("closes at %s unless the storm goes on; then the alert must be delivered again", clock(c.Breaker.Until)),
			until:  c.Breaker.Until,
		}
	}
	if e.OptOut == nil {
		return hold{}
	}
	why, err := e.OptOut(ctx)
	switch {
	case err != nil:
		return hold{reason: headroom.CannotTell, detail: fmt.Sprintf("whether the node opted out: %v", err), lift: "when it can be read"}
	case why != "":
		return hold{reason: headroom.OptedOut, detail: why, lift: "when the opt-out is taken back"}
	}
	return hold{}
}

func pausedBy(p *headroom.Pause) hold {
	h := hold{reason: headroom.Paused, detail: "by " + p.By, lift: "headroom-remediator resume", until: p.Until}
	if p.Why != "" {
		h.detail += ": " + p.Why
	}
	if !p.Until.IsZero() {
		h.lift += ", or by itself at " + clock(p.Until)
	}
	return h
}

// rest is how long a case rests after an episode. One that succeeded needs none:
// where a fill goes on, waiting would lose the node, and attempts bound how often.
// Nor does one that did not get there and yet brought headroom above start: below
// start the case is back only because something went on. One that removed nothing
// has changed nothing: what may go later (a container that has just died, an image
// that is still young) is not waited for as long.
func (e *Engine) rest(past *headroom.Episode) time.Duration {
	switch {
	case past.Ended.IsZero() || past.DryRun && !e.DryRun:
		return 0
	case past.Started.IsZero() && past.Outcome != headroom.Cancelled:
		return 0 // nothing was done, and nobody has said anything
	case past.Outcome == headroom.Succeeded, broughtAbove(past):
		return 0
	case barrenEpisode(past):
		return e.Policy.Cooldown / 5
	}
	return e.Policy.Cooldown
}

// inVain reports whether an episode ended without what it was for.
func inVain(ep *headroom.Episode) bool {
	return ep.Outcome == headroom.Exhausted || ep.Outcome == headroom.Failed || ep.Outcome == headroom.Planned
}

// barrenEpisode reports whether an episode was given up without having removed
// anything.
func barrenEpisode(ep *headroom.Episode) bool {
	return !ep.DryRun && inVain(ep) && !ep.Started.IsZero() && !helped(ep, 0)
}

// broughtAbove reports whether an episode that was given up removed something, and
// left headroom above where it had to begin.
func broughtAbove(ep *headroom.Episode) bool {
	return !ep.DryRun && inVain(ep) && helped(ep, 0) && ep.After != nil && ep.After.Ratio >= ep.Start
}

// cooling is the gate of cooldown and attempts: a case that was dealt with in vain
// rests.
func (e *Engine) cooling(c *headroom.Case) hold {
	if ep := c.Open(); ep != nil && len(ep.Rungs) > 0 {
		return hold{} // it has begun; cooling is for the next one
	}
	var h hold
	for i := range c.Episodes {
		past := &c.Episodes[i]
		if end, resting := pause(past.Ended, e.rest(past)); resting && end.After(h.until) {
			h = hold{reason: headroom.Cooldown, detail: fmt.Sprintf("the last episode ended at %s", clock(past.Ended)), until: end}
		}
	}
	limit := e.Policy.Attempts
	if n := len(c.Attempts); limit.Count > 0 && n >= limit.Count {
		if end, resting := pause(c.Attempts[n-limit.Count], limit.Per); resting && end.After(h.until) {
			h = hold{reason: headroom.Cooldown, detail: fmt.Sprintf("%d attempts within %s", limit.Count, limit.Per), until: end}
		}
	}
	if h.holds() {
		h.lift = "at " + clock(h.until)
	}
	return h
}

// window is the gate of disruptive rungs.
func (e *Engine) window(r policy.Rung) hold {
	now := time.Now()
	if !r.Disruptive || len(e.Policy.Disruptive) == 0 {
		return hold{}
	}
	for _, w := range e.Policy.Disruptive {
		if w.Covers(now) {
			return hold{}
		}
	}
	h := hold{
		reason: headroom.OutsideWindow,
		detail: fmt.Sprintf("%s is disruptive, and this is no window of the policy's", r.Remedy.Name()),
		lift:   "when a window begins",
	}
	if next, ok := e.Policy.NextWindow(now); ok {
		h.lift, h.until = "when the next window begins at "+clock(next), next
	}
	return h
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
