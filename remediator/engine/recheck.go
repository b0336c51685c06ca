package engine

import (
	"context"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// recheckInterval is how often a case without an open episode is looked at by
// ourselves: a notification may be lost, muted or inhibited.
const recheckInterval = 30 * time.Second

// recheck reads the node of a case that is not being dealt with. It begins an
// episode if the trouble is there again although nobody said so, and finds out
// whether a case that was given up has recovered. It reports whether the case
// wants to be looked at again.
func (e *Engine) recheck(ctx context.Context, c *headroom.Case, void time.Time) bool {
	fresh := e.wanted(c, void)
	if !fresh && !gaveUp(c.Last()) {
		e.escalate(c, false)
		return false
	}
	now := time.Now()
	if at, ok := e.checked[c.Signal]; ok && now.Sub(at) < recheckInterval && !now.Before(at) {
		return true
	}
	e.checked[c.Signal] = now
	v, err := e.Reader.Read(ctx, c.Signal)
	if err != nil {
		return true // cannot tell; the alert, if any, stays
	}
	if last := c.Last(); gaveUp(last) {
		e.escalate(c, v.Missing(last.Target)+lent(last) > 0)
	}
	if !fresh {
		return gaveUp(c.Last())
	}
	pc, ok := e.Policy.Find(c.Request.Labels)
	if ok && v.Ratio < pc.Start && !e.cooling(c).holds() {
		e.Logger.Info("below start again without an alert's being delivered", "signal", c.Signal, "headroom", v.Ratio)
		e.begin(ctx, c, pc)
	}
	return true
}

// wanted reports whether the newest alert of a case still makes us look.
func (e *Engine) wanted(c *headroom.Case, void time.Time) bool {
	r := c.Request
	return r != nil && r.By == "" && r.Received.After(void) && time.Since(r.Received) < e.Policy.Recheck
}

// gaveUp reports whether an episode ended without what it was for.
func gaveUp(ep *headroom.Episode) bool {
	return ep != nil && !ep.DryRun && (ep.Outcome == headroom.Exhausted || ep.Outcome == headroom.Failed)
}

// lent is how much the rungs of an episode took from what had been set aside. Of
// one that was killed nobody knows: it may be all that was observed.
func lent(ep *headroom.Episode) (sum int64) {
	for _, r := range ep.Rungs {
		switch {
		case !r.Lent:
		case r.Removed != nil:
			sum += r.Removed.In(ep.Request.Signal.Unit())
		case r.Before != nil && r.After != nil:
			sum += max(0, r.After.Available-r.Before.Available)
		}
	}
	return sum
}

// escalate says whether a person must look at a case.
func (e *Engine) escalate(c *headroom.Case, must bool) {
	e.Metrics.escalated.WithLabelValues(c.Node, string(c.Signal)).Set(number(must))
}
