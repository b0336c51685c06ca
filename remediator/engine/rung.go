package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// climb plans, applies and verifies one rung. It reports whether it did, or left
// that to a gate.
func (e *Engine) climb(ctx context.Context, c *candidate, step int) bool {
	r := c.pc.Ladder[step%len(c.pc.Ladder)]
	if barren(c.ep, step, len(c.pc.Ladder)) {
		rung := c.on(step, r)
		rung.Notes = []string{"removed nothing twice in this episode"}
		e.finish(ctx, c, rung, headroom.RungSkipped, nil)
		return true
	}
	need := remedy.Need{Signal: c.Signal, Disk: c.view.Disk, Amount: c.missingFor(r.Remedy) + c.slack()}
	if need.Amount <= c.slack() && !c.ep.DryRun {
		rung := c.on(step, r)
		rung.Notes = []string{"headroom is at the target, if only because of what has been lent: no more is"}
		e.finish(ctx, c, rung, headroom.RungNothing, nil)
		return true
	}
	plan, err := e.plan(ctx, r.Remedy, need)
	if err != nil && ctx.Err() != nil {
		return true // we are told to stop; it is planned again at the next start
	}
	if err == nil && len(plan.Items) > 0 && !e.DryRun {
		if r.Approval && !e.approved(ctx, c, step, plan) {
			return false
		}
		return e.act(ctx, c, step, r, plan)
	}
	e.goesAhead(ctx, c)
	e.starts(c)
	rung := c.on(step, r)
	if err != nil {
		e.finish(ctx, c, rung, headroom.RungFailed, fmt.Errorf("plan: %w", err))
		return true
	}
	record(rung, plan)
	if len(plan.Items) == 0 {
		e.finish(ctx, c, rung, headroom.RungNothing, nil)
	} else {
		e.finish(ctx, c, rung, headroom.RungPlanned, nil)
	}
	return true
}

// act applies a plan, unless a gate has closed while it was made. From here until
// all is written down, whoever stops the episode tells us and leaves its record
// alone; so what they told us is done at the end, whatever came of the rung.
func (e *Engine) act(ctx context.Context, c *candidate, step int, r policy.Rung, plan remedy.Plan) bool {
	stoppable, done := e.applying(ctx, c.ep.ID)
	defer done()
	acted := e.actUntil(ctx, stoppable, c, step, r, plan)
	var by stopped
	if errors.As(context.Cause(stoppable), &by) && by.outcome != "" {
		e.told.episode, e.told.order = c.ep.ID, by
		return e.asTold(ctx, c.Case)
	}
	return acted
}

// asTold ends the open episode of c if somebody has told its rung to, and reports
// whether that is so. If it cannot be written down, the episode does nothing else
// until it can.
func (e *Engine) asTold(ctx context.Context, c *headroom.Case) bool {
	ep := c.Open()
	if ep == nil || ep.ID != e.told.episode {
		return false
	}
	var after *headroom.State
	if n := len(ep.Rungs); n > 0 {
		after = ep.Rungs[n-1].After
	}
	e.end(ctx, c, e.told.order.outcome, "by "+e.told.order.by, after)
	return true
}

func (e *Engine) actUntil(ctx, stoppable context.Context, c *candidate, step int, r policy.Rung, plan remedy.Plan) bool {
	if h := e.cleared(ctx); h.holds() {
		e.wait(ctx, c.Case, h)
		return false
	}
	e.goesAhead(ctx, c)
	e.starts(c)
	rung := c.on(step, r)
	record(rung, plan)
	e.attempts(c)
	if r.Approval {
		rung.ApprovedBy = c.ep.Approval.By
	}
	// The intent is durable before the act; nothing is done if it cannot be.
	if e.save(ctx, c.Case) {
		e.carryOut(ctx, stoppable, c, rung, r.Remedy, plan)
	}
	return true
}

// planLimit is how long a plan may take: a runtime that answers every question
// late would otherwise hold up everything else.
const planLimit = 2 * time.Minute

func (e *Engine) plan(ctx context.Context, r remedy.Remedy, need remedy.Need) (remedy.Plan, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, planLimit, fmt.Errorf("it took longer than %s", planLimit))
	defer cancel()
	plan, err := r.Plan(ctx, e.Node, need)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
	}
	return plan, err
}

// starts records that the episode runs, and when it began to.
func (e *Engine) starts(c *candidate) {
	ep := c.ep
	if ep.Started.IsZero() {
		ep.Started, ep.Before = time.Now(), &c.view.State
	}
	ep.Phase, ep.Reason, ep.Detail, ep.Lift, ep.Pending = headroom.Running, "", "", "", nil
}

// attempts counts the episode, once it is about to act for the first time.
func (e *Engine) attempts(c *candidate) {
	if n := len(c.Attempts); n > 0 && !c.Attempts[n-1].Before(c.ep.Started) {
		return
	}
	c.Attempts = append(c.Attempts, time.Now())
	if extra := len(c.Attempts) - max(headroom.MaxEpisodes, e.Policy.Attempts.Count); extra > 0 {
		c.Attempts = c.Attempts[extra:]
	}
}

// on puts the next rung on record.
func (c *candidate) on(step int, r policy.Rung) *headroom.Rung {
	before := c.view.State
	_, lends := r.Remedy.(remedy.Lender)
	c.ep.Rungs = append(c.ep.Rungs, headroom.Rung{Step: step, Remedy: r.Remedy.Name(), Lent: lends, Before: &before, Started: time.Now()})
	return &c.ep.Rungs[len(c.ep.Rungs)-1]
}

// record says on a rung what was planned.
func record(rung *headroom.Rung, plan remedy.Plan) {
	rung.Plan, rung.Planned, rung.Notes = plan.Hash(), plan.Frees, bounded(plan.Notes)
}

// carryOut applies a plan until stoppable ends, and verifies what came of it.
func (e *Engine) carryOut(ctx, stoppable context.Context, c *candidate, rung *headroom.Rung, rm remedy.Remedy, plan remedy.Plan) {
	log := e.Logger.With("episode", c.ep.ID, "remedy", rung.Remedy)
	log.Info("applying", "items", len(plan.Items), "planned_bytes", plan.Frees.Bytes, "planned_inodes", plan.Frees.Inodes)
	var removed headroom.Amount
	var notes []string
	err := stoppable.Err() // somebody was faster
	if err == nil {
		notes, err = e.remove(stoppable, c, rung, rm, plan, &removed)
	}
	if errors.Is(err, remedy.ErrHalfDone) {
		rung.HalfDone = true
		e.unfinished[rung.Remedy] = time.Now()
	}
	why := context.Cause(stoppable)
	e.Audit.flush()
	rung.Removed = &removed
	rung.Notes = bounded(append(rung.Notes, notes...))
	outcome := headroom.RungDone
	switch {
	case err != nil && why != nil:
		outcome = headroom.RungInterrupted // told to stop
		if !rung.HalfDone {
			err = nil
		}
	case err != nil:
		outcome = headroom.RungFailed
	case removed == headroom.Amount{}:
		outcome = headroom.RungNothing
	}
	if s := e.settle(ctx, c, removed); s != nil {
		rung.After = s
	}
	var by stopped
	if errors.As(why, &by) {
		rung.Notes = append(rung.Notes, by.Error())
	}
	e.finish(ctx, c, rung, outcome, err)
}

// remove lets a remedy act, and adds up what it removes.
func (e *Engine) remove(ctx context.Context, c *candidate, rung *headroom.Rung, rm remedy.Remedy, plan remedy.Plan, removed *headroom.Amount) ([]string, error) {
	return rm.Apply(ctx, e.Node, plan, remedy.Run{
		Key:  fmt.Sprintf("%s/%d", c.ep.ID, rung.Step),
		Step: e.Step,
		Missing: func(ctx context.Context) (int64, error) {
			v, err := e.Reader.Read(ctx, c.Signal)
			now := *c
			now.view = v
			return now.missingFor(rm) + c.slack(), err
		},
		Removed: func(item remedy.Item, a headroom.Amount) {
			if rung.FirstFreed.IsZero() {
				rung.FirstFreed = time.Now()
			}
			*removed = removed.Add(a)
			e.Audit.record(c.ep.ID, rung.Remedy, item, a)
		},
	})
}

// finish closes a rung and saves its episode.
func (e *Engine) finish(ctx context.Context, c *candidate, rung *headroom.Rung, o headroom.RungOutcome, err error) {
	rung.Outcome, rung.Ended = o, time.Now()
	if rung.Removed == nil { // it was not applied
		rung.Removed = &headroom.Amount{}
	}
	log := e.Logger.With("episode", c.ep.ID, "remedy", rung.Remedy, "outcome", o)
	if err != nil {
		rung.Error = shortened(err.Error())
	}
	if e.save(ctx, c.Case) {
		e.Metrics.rung(c.Case, *rung)
		e.Metrics.freed(c.Case, c.ep)
	}
	if err != nil {
		log.Error("rung failed", "err", err)
		return
	}
	log.Info("rung is over", "removed_bytes", rung.Removed.Bytes, "removed_inodes", rung.Removed.Inodes, "observed", observed(*rung))
}

// settle reads the signal after a rung until it shows what was removed, or anything
// where nobody could say how much that was, or the target is reached, for two
// seconds at the most: filesystems and runtimes give room back later, and others
// write meanwhile.
func (e *Engine) settle(ctx context.Context, c *candidate, removed headroom.Amount) *headroom.State {
	var last *headroom.State
	least := max(removed.In(c.Signal.Unit()), 1)
	for range 20 {
		v, err := e.Reader.Read(ctx, c.Signal)
		if err != nil {
			return last
		}
		last = &v.State
		if removed == (headroom.Amount{}) || v.Missing(c.ep.Target) <= 0 || v.Available-c.view.Available >= least {
			return last
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(100 * time.Millisecond):
		}
	}
	return last
}

// barren reports whether the rung of the ladder that step stands on has removed
// nothing twice in the episode.
func barren(ep *headroom.Episode, step, ladder int) bool {
	n := 0
	for _, r := range ep.Rungs {
		if r.Step%ladder == step%ladder && r.Outcome != headroom.RungInterrupted && r.Removed != nil && *r.Removed == (headroom.Amount{}) {
			n++
		}
	}
	return n >= 2
}

// observed is what a rung's filesystem says came back, or nil if it was not
// read.
func observed(r headroom.Rung) any {
	if r.Before == nil || r.After == nil {
		return nil
	}
	return r.After.Available - r.Before.Available
}

const (
	maxNotes = 20  // per rung
	maxText  = 300 // bytes of one note or error
)

// bounded keeps a record small whatever a remedy has to say.
func bounded(notes []string) []string {
	if extra := len(notes) - maxNotes; extra > 0 {
		notes = append(notes[:maxNotes:maxNotes], fmt.Sprintf("… and %d more", extra))
	}
	for i, n := range notes {
		notes[i] = shortened(n)
	}
	return notes
}

func shortened(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}
