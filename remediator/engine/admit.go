package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
)

// admit answers a case's newest request, if it has not been answered: it renews
// the open episode, begins a new one, or finds that there is no need.
func (e *Engine) admit(ctx context.Context, c *headroom.Case) {
	r := c.Request
	if r == nil || r.ID == c.Answered {
		return
	}
	pc, ok := e.Policy.Find(r.Labels)
	if !ok {
		// Accepted under an earlier policy.
		e.answer(ctx, c)
		return
	}
	if ep := c.Open(); ep != nil {
		// The episode answers it when it ends. Until then it need not be written
		// down that somebody asked again, unless it is watched for much longer.
		until := r.Received.Add(e.Policy.Watch)
		if ep.Reason == headroom.Watching && until.Sub(ep.Until) > e.Policy.Watch/10 {
			ep.Until = until
			e.answer(ctx, c)
		}
		return
	}
	if last := c.Last(); last != nil && last.Policy == e.Policy.Hash && last.Request.SameAlert(*r) {
		// The same alert, delivered again. While the episode that dealt with it
		// has just ended it waits unanswered; afterwards only the node decides.
		calm := last.Ended.Add(e.Policy.Cooldown)
		if time.Now().Before(calm) {
			return
		}
		if r.Received.Before(calm) {
			v, err := e.Reader.Read(ctx, c.Signal)
			if err == nil && v.Ratio >= pc.Start {
				e.answer(ctx, c)
				return
			}
		}
	}
	e.begin(ctx, c, pc)
}

// begin opens an episode for the case's request. Gates come later: whatever
// holds it is then on record.
func (e *Engine) begin(ctx context.Context, c *headroom.Case, pc *policy.Case) {
	now := time.Now()
	ep := c.Begin(headroom.Episode{
		ID:      fmt.Sprintf("%s-%s", c.Signal, now.UTC().Format("20060102T150405.000")),
		Request: *c.Request,
		Phase:   headroom.Waiting,
		Reason:  headroom.Watching,
		DryRun:  e.DryRun,
		Policy:  e.Policy.Hash,
		Start:   pc.Start,
		Target:  pc.Target,
		Created: now,
		Until:   c.Request.Received.Add(e.Policy.Watch),
	})
	if e.answer(ctx, c) {
		e.Logger.Info("episode begins", "episode", ep.ID, "alertname", c.Request.Labels["alertname"], "start", ep.Start, "target", ep.Target, "dry_run", ep.DryRun)
	}
}

func (e *Engine) answer(ctx context.Context, c *headroom.Case) bool {
	before := c.Answered
	c.Answered = c.Request.ID
	if !e.save(ctx, c) {
		c.Answered = before
		return false
	}
	return true
}

// A candidate is an open episode that may run now.
type candidate struct {
	*headroom.Case
	ep   *headroom.Episode
	pc   *policy.Case
	view View
}

// look lets the gates speak about the open episode of c, records what they say,
// and returns it if it may run.
func (e *Engine) look(ctx context.Context, c *headroom.Case) *candidate {
	ep := c.Open()
	pc, ok := e.Policy.Find(ep.Request.Labels)
	if !ok || ep.Policy != e.Policy.Hash {
		e.end(ctx, c, headroom.Failed, fmt.Sprintf("the policy changed from %s to %s", ep.Policy, e.Policy.Hash), nil)
		return nil
	}
	if ep.Phase == headroom.Waiting {
		if detail, until := e.cooling(c); detail != "" {
			e.wait(ctx, c, headroom.Cooldown, detail, until)
			return nil
		}
	}
	v, err := e.Reader.Read(ctx, c.Signal)
	now := time.Now()
	if err != nil {
		if now.After(ep.Until) && ep.Phase == headroom.Waiting {
			e.end(ctx, c, headroom.Expired, err.Error(), nil)
			return nil
		}
		e.wait(ctx, c, headroom.CannotTell, err.Error(), now.Add(e.Policy.Watch))
		return nil
	}
	ep.Target = v.Target(ep.Target)
	if len(ep.Rungs) > 0 || v.Ratio < ep.Start {
		return &candidate{Case: c, ep: ep, pc: pc, view: v}
	}
	switch {
	case ep.Reason == headroom.SharedDisk && v.Ratio >= ep.Target:
		e.end(ctx, c, headroom.NotNeeded, "another signal of the same disk was dealt with", &v.State)
	case now.After(ep.Until):
		e.end(ctx, c, headroom.NotNeeded, fmt.Sprintf("headroom stayed above the start of %.1f%%", 100*ep.Start), &v.State)
	default:
		e.wait(ctx, c, headroom.Watching, fmt.Sprintf("runs when headroom falls below %.1f%%", 100*ep.Start), ep.Until)
	}
	return nil
}

// cooling is the gate of cooldown and attempts: it says until when the case
// must rest and why, or "" if it need not.
func (e *Engine) cooling(c *headroom.Case) (detail string, until time.Time) {
	now := time.Now()
	if ep := c.Open(); len(ep.Rungs) > 0 {
		return "", time.Time{} // it has begun; cooling is for the next one
	}
	for _, past := range c.Episodes {
		if end := past.Ended.Add(e.Policy.Cooldown); !past.Started.IsZero() && !past.Ended.IsZero() && now.Before(end) {
			detail, until = fmt.Sprintf("the last episode ended %s ago", now.Sub(past.Ended).Round(time.Second)), end
		}
	}
	limit := e.Policy.Attempts
	if n := len(c.Attempts); limit.Count > 0 && n >= limit.Count {
		if end := c.Attempts[n-limit.Count].Add(limit.Per); now.Before(end) && end.After(until) {
			detail, until = fmt.Sprintf("%d attempts within %s", limit.Count, limit.Per), end
		}
	}
	return detail, until
}

// wait records that the open episode waits. Only a change is written down.
func (e *Engine) wait(ctx context.Context, c *headroom.Case, reason headroom.Reason, detail string, until time.Time) {
	ep := c.Open()
	if ep.Phase == headroom.Waiting && ep.Reason == reason && ep.Detail != "" {
		return
	}
	ep.Phase, ep.Reason, ep.Detail = headroom.Waiting, reason, detail
	if until.After(ep.Until) {
		ep.Until = until
	}
	if e.save(ctx, c) {
		e.Metrics.refusals.WithLabelValues(c.Node, string(c.Signal), string(reason)).Inc()
		e.Logger.Info("episode waits", "episode", ep.ID, "reason", reason, "detail", detail)
	}
}

// end closes the open episode of c and with it answers whatever asked for it in
// the meantime.
func (e *Engine) end(ctx context.Context, c *headroom.Case, o headroom.Outcome, detail string, after *headroom.State) {
	ep := c.Open()
	ep.Phase, ep.Reason, ep.Outcome, ep.Detail = headroom.Over, "", o, detail
	ep.Ended, ep.After = time.Now(), after
	if c.Request != nil && ep.Policy == e.Policy.Hash {
		c.Answered = c.Request.ID
	}
	if e.save(ctx, c) {
		e.Metrics.episode(c, ep)
		e.Logger.Info("episode is over", "episode", ep.ID, "outcome", o, "detail", detail)
	}
}

// lead picks the candidate furthest below its target. The others that share
// its disk and unit wait for it and are read again afterwards; what makes room
// for one makes room for all of them.
func (e *Engine) lead(ctx context.Context, all []*candidate) *candidate {
	if len(all) == 0 {
		return nil
	}
	lead := slices.MinFunc(all, func(a, b *candidate) int {
		// One that has begun goes first: one rung at a time, one episode at a time.
		if ra, rb := len(a.ep.Rungs) > 0, len(b.ep.Rungs) > 0; ra != rb {
			if ra {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.view.Ratio-a.ep.Target, b.view.Ratio-b.ep.Target)
	})
	for _, other := range all {
		if other != lead && other.view.Disk == lead.view.Disk && other.Signal.Unit() == lead.Signal.Unit() && other.Signal.Filesystem() != "" {
			e.wait(ctx, other.Case, headroom.SharedDisk, fmt.Sprintf("%s leads on disk %s", lead.Signal, lead.view.Disk), other.ep.Until)
		}
	}
	return lead
}
