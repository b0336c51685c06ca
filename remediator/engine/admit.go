package engine

import (
	"context"
	"fmt"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
)

// admit answers what a case's newest requests ask for: a person's, and then an
// alert's.
func (e *Engine) admit(ctx context.Context, c *headroom.Case) {
	if r := c.Unheeded(); r != nil {
		e.heed(ctx, c, r)
	}
	if r := c.Unanswered(); r != nil {
		e.admitAlert(ctx, c, r)
	}
}

// heed begins what a person asks for, or lets it take over an episode that waits
// and has done nothing yet. While another is open it waits.
func (e *Engine) heed(ctx context.Context, c *headroom.Case, r *headroom.Request) {
	ep := c.Open()
	if ep != nil && (!e.current(ep) || ep.Phase != headroom.Waiting || len(ep.Rungs) > 0) {
		return
	}
	before, what := c.Heeded, ""
	pc, ok := e.Policy.Find(r.Labels)
	switch {
	case !ok: // accepted under an earlier policy
		e.Logger.Warn("what a person asked for is nothing that the policy deals with any more", "signal", c.Signal, "by", r.By)
	case ep == nil && e.overtaken(c, r):
	case ep == nil:
		ep, what = c.Begin(e.episode(*r, pc)), "episode begins"
	default:
		what = "episode taken over"
		ep.Request, ep.Start, ep.Target = *r, pc.Target, pc.Target
		ep.Until = later(ep.Until, r.Received.Add(e.Policy.Watch))
	}
	c.Heeded = r.ID
	if !e.save(ctx, c) {
		c.Heeded = before
	} else if what != "" {
		e.say(what, ep)
	}
}

// overtaken reports whether the last episode ended after a person had asked, and was
// cancelled or did what she asked for. An end in the future says nothing: the clock
// was set back.
func (e *Engine) overtaken(c *headroom.Case, r *headroom.Request) bool {
	last := c.Last()
	if last == nil || r.Received.After(last.Ended) || last.Ended.After(time.Now()) {
		return false
	}
	return last.Outcome == headroom.Cancelled || e.current(last) && e.sameCase(last.Request, *r) && !last.Started.IsZero()
}

// admitAlert lets an alert renew the open episode or begin a new one, or finds
// that there is no need.
func (e *Engine) admitAlert(ctx context.Context, c *headroom.Case, r *headroom.Request) {
	if c.Open() == nil && (e.void(*r) || cancelled(c, r)) {
		e.answer(ctx, c) // it came with a storm, or while somebody cancelled
		return
	}
	pc, ok := e.Policy.Find(r.Labels)
	if !ok {
		// Accepted under an earlier policy.
		e.answer(ctx, c)
		return
	}
	if ep := c.Open(); ep != nil {
		if e.current(ep) && ep.Phase == headroom.Waiting {
			e.prolong(ctx, c, pc)
		}
		return
	}
	last := c.Last()
	if last == nil || !e.current(last) || !last.Request.SameAlert(*r) {
		e.begin(ctx, c, *r, pc)
		return
	}
	e.again(ctx, c, pc)
}

// prolong lets an alert renew the waiting episode of its case. The episode
// answers it when it ends; until then it need not be written down that it was
// delivered again, unless it waits for much longer, or the policy has something
// else for this alert and nothing was begun yet.
func (e *Engine) prolong(ctx context.Context, c *headroom.Case, pc *policy.Case) {
	ep := c.Open()
	until := c.Request.Received.Add(e.Policy.Watch)
	same := e.sameCase(ep.Request, *c.Request)
	switch {
	case e.void(ep.Request) && len(ep.Rungs) == 0 && same: // delivered again since the storm
		ep.Request = *c.Request
	case !same && (len(ep.Rungs) > 0 || ep.Request.By != ""):
		return // it waits for an episode of its own
	case !same:
		ep.Request, ep.Start, ep.Target = *c.Request, pc.Start, pc.Target
	case until.Sub(ep.Until) <= e.Policy.Watch/10:
		return
	}
	ep.Until = later(ep.Until, until)
	e.answer(ctx, c)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// again answers an alert that an episode has dealt with and that was delivered
// once more. While that episode has just ended, and did something, the request
// waits unanswered; otherwise only the node decides.
func (e *Engine) again(ctx context.Context, c *headroom.Case, pc *policy.Case) {
	last := c.Last()
	calm, resting := pause(last.Ended, e.Policy.Cooldown)
	if c.Request.Received.After(calm) {
		e.begin(ctx, c, *c.Request, pc)
		return
	}
	if inVain(last) && e.cooling(c).holds() {
		return // its record stays, and whoever was called for it
	}
	v, err := e.Reader.Read(ctx, c.Signal)
	switch {
	case ctx.Err() != nil:
	case err == nil && v.Ratio < pc.Start:
		e.begin(ctx, c, *c.Request, pc)
	case resting:
	case err == nil:
		e.answer(ctx, c)
	default:
		e.begin(ctx, c, *c.Request, pc)
	}
}

// pause says when a rest of d that began at from ends, and whether it lasts
// still. One that would last longer than twice d began in a future of which the
// clock knows nothing any more: it was set back, and the rest is over.
func pause(from time.Time, d time.Duration) (end time.Time, resting bool) {
	end = from.Add(d)
	left := time.Until(end)
	return end, left > 0 && left <= 2*d
}

// current reports whether ep goes by what holds now: the policy, and whether
// anything is applied.
func (e *Engine) current(ep *headroom.Episode) bool {
	return ep.Policy == e.Policy.Hash && ep.DryRun == e.DryRun
}

// begin opens an episode for a request of the case. Gates come later: whatever
// holds it is then on record.
func (e *Engine) begin(ctx context.Context, c *headroom.Case, r headroom.Request, pc *policy.Case) {
	ep := c.Begin(e.episode(r, pc))
	if e.answer(ctx, c) {
		e.say("episode begins", ep)
	}
}

// episode is what a request begins: a person's until the target is reached, an
// alert's only below start.
func (e *Engine) episode(r headroom.Request, pc *policy.Case) headroom.Episode {
	now := time.Now()
	start, until := pc.Start, r.Received.Add(e.Policy.Watch)
	if r.By != "" {
		start = pc.Target
	}
	if until.Before(now) {
		until = now.Add(e.Policy.Watch) // nobody said so again, and it is so again
	}
	return headroom.Episode{
		ID:      fmt.Sprintf("%s-%s", r.Signal, now.UTC().Format("20060102T150405.000")),
		Request: r,
		Phase:   headroom.Waiting,
		Reason:  headroom.Watching,
		DryRun:  e.DryRun,
		Policy:  e.Policy.Hash,
		Start:   start,
		Target:  pc.Target,
		Created: now,
		Until:   until,
	}
}

func (e *Engine) say(what string, ep *headroom.Episode) {
	e.Logger.Info(what, "episode", ep.ID, "alertname", ep.Request.Labels["alertname"], "by", ep.Request.By,
		"start", ep.Start, "target", ep.Target, "dry_run", ep.DryRun)
}

func (e *Engine) answer(ctx context.Context, c *headroom.Case) bool {
	before := c.Answered
	if c.Request != nil { // a damaged journal may have the case and not who asked
		c.Answered = c.Request.ID
	}
	if !e.save(ctx, c) {
		c.Answered = before
		return false
	}
	return true
}

// look lets the gates speak about the open episode of c, records what they say,
// and returns it if it may run.
func (e *Engine) look(ctx context.Context, c *headroom.Case) *candidate {
	if e.asTold(ctx, c) {
		return nil
	}
	ep := c.Open()
	pc, ok := e.Policy.Find(ep.Request.Labels)
	if !ok || !e.current(ep) {
		e.end(ctx, c, headroom.Failed, fmt.Sprintf("it went by policy %s with dry run %t; now it is %s with %t", ep.Policy, ep.DryRun, e.Policy.Hash, e.DryRun), nil)
		return nil
	}
	if len(ep.Rungs) == 0 && e.void(ep.Request) {
		e.end(ctx, c, headroom.Expired, "its alert arrived while the breaker was open, and was not delivered again since", nil)
		return nil
	}
	h := e.held
	if !h.holds() {
		h = e.cooling(c)
	}
	if h.holds() {
		e.wait(ctx, c, h)
		return nil
	}
	v, err := e.Reader.Read(ctx, c.Signal)
	now := time.Now()
	if err != nil {
		if ctx.Err() != nil {
			return nil // we are told to stop, which says nothing about the node
		}
		if now.After(ep.Until) && ep.Phase == headroom.Waiting {
			e.end(ctx, c, headroom.Expired, err.Error(), nil)
			return nil
		}
		e.wait(ctx, c, hold{reason: headroom.CannotTell, detail: err.Error(), lift: "when the node can be read", until: now.Add(e.Policy.Watch)})
		return nil
	}
	ep.Target = v.Target(ep.Target)
	if ep.Request.By != "" && ep.Start < ep.Target {
		ep.Start = ep.Target
	}
	if len(ep.Rungs) > 0 || v.Ratio < ep.Start {
		return &candidate{Case: c, ep: ep, pc: pc, view: v}
	}
	switch {
	case ep.Request.By != "":
		e.end(ctx, c, headroom.NotNeeded, fmt.Sprintf("headroom is above the target of %.1f%%", 100*ep.Target), &v.State)
	case ep.Reason == headroom.SharedDisk && v.Ratio >= ep.Target:
		e.end(ctx, c, headroom.NotNeeded, "another signal of the same disk was dealt with", &v.State)
	case now.After(ep.Until):
		e.end(ctx, c, headroom.NotNeeded, fmt.Sprintf("headroom stayed above the start of %.1f%%", 100*ep.Start), &v.State)
	default:
		below := fmt.Sprintf("headroom falls below %.1f%%", 100*ep.Start)
		e.wait(ctx, c, hold{reason: headroom.Watching, detail: "runs when " + below, lift: "when " + below, until: ep.Until})
	}
	return nil
}

// void reports whether a request came with a storm that is over. A person's did
// not.
func (e *Engine) void(r headroom.Request) bool {
	return r.By == "" && !r.Received.After(e.control.Void)
}

// wait records that the open episode waits. Only a change is written down.
func (e *Engine) wait(ctx context.Context, c *headroom.Case, h hold) {
	ep := c.Open()
	again := ep.Phase == headroom.Waiting && ep.Reason == h.reason && ep.Detail != ""
	if again && (h.reason == headroom.CannotTell || ep.Detail == h.detail && ep.Lift == h.lift) {
		return // an error may be in other words each time
	}
	ep.Phase, ep.Reason, ep.Detail, ep.Lift = headroom.Waiting, h.reason, h.detail, h.lift
	if h.reason != headroom.AwaitingApproval {
		ep.Pending = nil
	}
	if h.until.After(ep.Until) {
		ep.Until = h.until
	}
	if e.save(ctx, c) && !again {
		e.Metrics.refusals.WithLabelValues(c.Node, string(c.Signal), string(h.reason)).Inc()
		e.Logger.Info("episode waits", "episode", ep.ID, "reason", h.reason, "detail", h.detail, "lift", h.lift)
	}
}

// end closes the open episode of c and with it answers the alert that asked for
// the same in the meantime. One for which the policy has something else waits for
// its own episode, and where the policy itself is another nothing was answered.
func (e *Engine) end(ctx context.Context, c *headroom.Case, o headroom.Outcome, detail string, after *headroom.State) {
	ep := c.Open()
	ep.Phase, ep.Reason, ep.Lift, ep.Pending, ep.Outcome, ep.Detail = headroom.Over, "", "", nil, o, detail
	ep.Ended, ep.After = time.Now(), after
	if n := len(c.Episodes); n > 1 && barrenEpisode(ep) {
		// It is tried again and again: of attempts that changed nothing the last is
		// record enough.
		if before := &c.Episodes[n-2]; e.current(before) && barrenEpisode(before) && before.Request.SameAlert(ep.Request) {
			c.Episodes = append(c.Episodes[:n-2], *ep)
			ep = c.Last()
		}
	}
	switch {
	case e.current(ep):
		if c.Request != nil && e.sameCase(ep.Request, *c.Request) {
			c.Answered = c.Request.ID
		}
	case ep.Request.By == "":
		c.Answered = ""
	case c.Asked != nil && c.Asked.ID == ep.Request.ID:
		c.Heeded = ""
	}
	if e.save(ctx, c) {
		e.Metrics.episode(c, ep)
		e.checked[c.Signal] = ep.Ended
		e.Logger.Info("episode is over", "episode", ep.ID, "outcome", o, "detail", detail)
	}
}

func (e *Engine) sameCase(a, b headroom.Request) bool {
	one, _ := e.Policy.Find(a.Labels)
	other, _ := e.Policy.Find(b.Labels)
	return one == other
}
