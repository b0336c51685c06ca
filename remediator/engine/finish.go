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
	ep := c.Last() // somebody may have ended it before this program came to look; what is asked for since begins later
	if ep == nil || len(ep.Rungs) == 0 {
		return
	}
	rung := &ep.Rungs[len(ep.Rungs)-1]
	if rung.Outcome != "" {
		return
	}
	notes, finished := e.finishSteps(ctx, rung.Remedy)
	if ctx.Err() != nil {
		return // we are told to stop, maybe in the middle: the next start begins with it
	}
	rung.Outcome, rung.Removed, rung.HalfDone, rung.Ended = headroom.RungInterrupted, nil, !finished, time.Now()
	rung.Notes = bounded(append(rung.Notes, notes...))
	if v, err := e.Reader.Read(ctx, c.Signal); err == nil {
		rung.After = &v.State
	}
	if e.save(ctx, c) {
		e.Logger.Warn("rung was interrupted", "episode", ep.ID, "remedy", rung.Remedy)
		e.Metrics.rung(c, *rung)
	}
}

// finishSteps lets a remedy carry on what it was in the middle of, and reports
// whether nothing is left of that. The policy may no longer name it, so it is looked
// for among all.
func (e *Engine) finishSteps(ctx context.Context, name string) (notes []string, finished bool) {
	for _, r := range e.remedies() {
		f, ok := r.(remedy.Finisher)
		if !ok || r.Name() != name {
			continue
		}
		if e.DryRun {
			return []string{"it may be half done: dry run leaves that as it is"}, false
		}
		notes, err := f.Finish(ctx, e.Node)
		delete(e.unfinished, name)
		if err != nil {
			e.unfinished[name] = time.Now()
			e.Logger.Error("what a remedy was in the middle of could not be finished; trying again", "remedy", name, "err", err)
			notes = append(notes, fmt.Sprintf("what was half done: %v", err))
		}
		return notes, err == nil
	}
	delete(e.unfinished, name)
	return nil, true
}

// finishRest lets remedies try again that could not finish what they were in the
// middle of, in this run of the program or an earlier one, and takes off the record
// what is finished.
func (e *Engine) finishRest(ctx context.Context, cases []headroom.Case) {
	if e.DryRun {
		return
	}
	for _, rung := range halfDone(cases) {
		if _, known := e.unfinished[rung.Remedy]; !known {
			e.unfinished[rung.Remedy] = time.Time{}
		}
	}
	for name, tried := range e.unfinished {
		if time.Since(tried) < recheckInterval {
			continue
		}
		notes, _ := e.finishSteps(ctx, name)
		for _, note := range notes {
			e.Logger.Info(note, "remedy", name)
		}
	}
	for i := range cases {
		changed := false
		for _, rung := range halfDone(cases[i : i+1]) {
			if _, still := e.unfinished[rung.Remedy]; !still {
				rung.HalfDone, changed = false, true
			}
		}
		if changed {
			e.save(ctx, &cases[i])
		}
	}
}

// halfDone are the rungs on record that left something half done.
func halfDone(cases []headroom.Case) []*headroom.Rung {
	var all []*headroom.Rung
	for _, c := range cases {
		for _, ep := range c.Episodes {
			for i := range ep.Rungs {
				if ep.Rungs[i].HalfDone {
					all = append(all, &ep.Rungs[i])
				}
			}
		}
	}
	return all
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
