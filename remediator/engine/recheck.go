package engine

import (
	"context"
	"slices"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// recheckInterval is how often a case without an open episode is looked at by
// ourselves: a notification may be lost, muted or inhibited.
const recheckInterval = 30 * time.Second

// recheckEvery is how often c is looked at. For as long as the policy would watch
// after an alert, that is as often after an episode as while it was open: what
// filled the disk may go on, and its alert is delivered again only after minutes.
func (e *Engine) recheckEvery(c *headroom.Case) time.Duration {
	if last := c.Last(); last != nil && !last.DryRun && !last.Started.IsZero() {
		if _, lately := pause(last.Ended, e.Policy.Watch); lately {
			return interval
		}
	}
	return recheckInterval
}

// recheck reads the node of a case that is not being dealt with. It begins an
// episode if the trouble is there again although nobody said so, and finds out
// whether a case that was given up has recovered. It returns how soon the case wants
// to be looked at again, 0 if not at all.
func (e *Engine) recheck(ctx context.Context, c *headroom.Case) (soon time.Duration) {
	alert, given := e.wanted(c), givenUp(c)
	if alert == nil && given == nil {
		return 0
	}
	now, every := time.Now(), e.recheckEvery(c)
	if at, ok := e.checked[c.Signal]; ok && now.Sub(at) < every && !now.Before(at) {
		return every
	}
	e.checked[c.Signal] = now
	v, err := e.Reader.Read(ctx, c.Signal)
	if err != nil {
		return every // cannot tell; what is escalated stays so
	}
	if given != nil && v.Missing(given.Target)+lent(given).In(c.Signal.Unit()) <= 0 {
		given.Recovered = now
		e.save(ctx, c)
	}
	switch {
	case alert == nil && givenUp(c) == nil:
		return 0
	case alert == nil:
		return every
	}
	pc, ok := e.Policy.Find(alert.Labels)
	if last := c.Last(); last != nil && inVain(last) && e.cooling(c).holds() {
		return every // its record stays, and whoever was called for it
	}
	if ok && v.Ratio < pc.Start {
		e.Logger.Info("below start again without an alert's being delivered", "signal", c.Signal, "headroom", v.Ratio)
		e.begin(ctx, c, *alert, pc)
	}
	return every
}

// wanted returns the newest alert of a case if it still makes us look. After
// somebody has cancelled an episode it must be delivered again.
func (e *Engine) wanted(c *headroom.Case) *headroom.Request {
	r := alert(c)
	if r == nil || e.void(*r) || time.Since(r.Received) >= e.Policy.Recheck {
		return nil
	}
	if cancelled(c, r) {
		return nil
	}
	return r
}

// cancelled reports whether somebody has cancelled an episode of the case since an
// alert was received.
func cancelled(c *headroom.Case, r *headroom.Request) bool {
	return slices.ContainsFunc(c.Episodes, func(ep headroom.Episode) bool {
		return ep.Outcome == headroom.Cancelled && !r.Received.After(ep.Ended)
	})
}

// alert is the newest alert of a case. A damaged store may have the case and
// not who asked.
func alert(c *headroom.Case) *headroom.Request {
	newest := c.Request
	for i := range c.Episodes {
		if r := &c.Episodes[i].Request; r.By == "" && (newest == nil || r.Received.After(newest.Received)) {
			newest = r
		}
	}
	return newest
}

// givenUp returns the episode for which a person must look at the case, or nil:
// the newest that ended without what it was for, unless the node has recovered
// since, or another has got there, or a person has taken it in hand. Those that
// waited in vain, planned only, or went by another policy say nothing about it.
func givenUp(c *headroom.Case) *headroom.Episode {
	for i := len(c.Episodes) - 1; i >= 0; i-- {
		ep := &c.Episodes[i]
		switch {
		case ep.Phase != headroom.Over || ep.DryRun:
		case ep.Outcome == headroom.Exhausted, ep.Outcome == headroom.Failed && ep.After != nil: // the policy's end is no reading
			if !ep.Recovered.IsZero() {
				return nil
			}
			return ep
		case ep.Outcome == headroom.Succeeded, ep.Outcome == headroom.Cancelled:
			return nil
		}
	}
	return nil
}

// lent is what the rungs of an episode took from what had been set aside: of one
// that was cut short as much as it may have taken.
func lent(ep *headroom.Episode) headroom.Amount {
	var sum headroom.Amount
	for _, r := range ep.Rungs {
		switch {
		case !r.Lent:
		case r.Removed != nil:
			sum = sum.Add(*r.Removed)
		case r.Outcome == headroom.RungInterrupted:
			sum = sum.Add(r.Planned)
		}
	}
	return sum
}
