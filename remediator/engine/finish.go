package engine

import (
	"context"
	"fmt"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// interrupted closes a rung that has no outcome. The worker applies one rung at
// a time and waits for it, so such a rung was cut short: the program died, or
// the end could not be written down. It is applied again, since every effect is
// idempotent; how much it had removed nobody knows. An effect of several steps
// is carried to its end first, or back.
func (e *Engine) interrupted(ctx context.Context, c *headroom.Case) {
	ep := c.Last() // somebody may have ended it before this program came to look
	if ep == nil || len(ep.Rungs) == 0 {
		return
	}
	rung := &ep.Rungs[len(ep.Rungs)-1]
	if rung.Outcome != "" {
		return
	}
	notes := e.finishSteps(ctx, rung.Remedy)
	if ctx.Err() != nil {
		return // we are told to stop, maybe in the middle: the next start begins with it
	}
	rung.Outcome, rung.Removed, rung.Ended = headroom.RungInterrupted, nil, time.Now()
	rung.Notes = bounded(append(rung.Notes, notes...))
	if v, err := e.Reader.Read(ctx, c.Signal); err == nil {
		rung.After = &v.State
	}
	if e.save(ctx, c) {
		e.Logger.Warn("rung was interrupted", "episode", ep.ID, "remedy", rung.Remedy)
		e.Metrics.rung(c, *rung)
	}
}

// finishSteps lets a remedy carry on what it was in the middle of. The policy may
// no longer name it, so it is looked for among all.
func (e *Engine) finishSteps(ctx context.Context, name string) []string {
	for _, r := range e.remedies() {
		f, ok := r.(remedy.Finisher)
		if !ok || r.Name() != name {
			continue
		}
		if e.DryRun {
			return []string{"it may be half done: dry run leaves that as it is"}
		}
		notes, err := f.Finish(ctx, e.Node)
		delete(e.unfinished, name)
		if err != nil {
			e.unfinished[name] = time.Now()
			e.Logger.Error("what a remedy was in the middle of could not be finished; trying again", "remedy", name, "err", err)
			notes = append(notes, fmt.Sprintf("what was half done: %v", err))
		}
		return notes
	}
	return nil
}

// finishRest lets remedies try again that could not finish what they were in the
// middle of.
func (e *Engine) finishRest(ctx context.Context) {
	for name, tried := range e.unfinished {
		if time.Since(tried) < recheckInterval {
			continue
		}
		for _, note := range e.finishSteps(ctx, name) {
			e.Logger.Info(note, "remedy", name)
		}
	}
}

// remedies are those of the policy and then all there are.
func (e *Engine) remedies() []remedy.Remedy {
	var all []remedy.Remedy
	for _, c := range e.Policy.Cases {
		for _, r := range c.Ladder {
			all = append(all, r.Remedy)
		}
	}
	return append(all, remedy.All...)
}
