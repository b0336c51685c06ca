package main

import (
	"time"

	"github.com/nodeheadroom/headroom"
)

// An account is how much of a case's record has been told.
type account struct {
	short func(note string) string // shortens the paths in it

	delivered string // request
	waiting   string // episode and reason
	began     string // episode
	rungs     int    // that have ended, of the newest episode
	over      string // episode
}

// tell shows what is new in c. The times are the record's own.
func (a *account) tell(t *timeline, c *headroom.Case) {
	if r := c.Request; r != nil && a.delivered == "" {
		a.delivered = r.ID
		t.happen(delivered, r.Received, "at the remediator, answered 202")
	}
	e := c.Last()
	if e == nil {
		return
	}
	if key := e.ID + string(e.Reason); e.Phase == headroom.Waiting && key != a.waiting {
		a.waiting = key
		t.note(time.Now(), "waits", "%s: %s", e.Reason, e.Detail)
	}
	if e.Before != nil && a.began != e.ID {
		a.began, a.rungs = e.ID, 0
		// It may have acted before anybody else could look.
		t.happen(crossed, e.Before.At, "headroom %s is below %s", percent(e.Before.Ratio), percent(e.Start))
		t.note(e.Started, "episode begins", "headroom %s, to be %s", percent(e.Before.Ratio), percent(e.Target))
	}
	for a.rungs < len(e.Rungs) && !e.Rungs[a.rungs].Ended.IsZero() {
		a.rung(t, &e.Rungs[a.rungs])
		a.rungs++
	}
	if e.Phase == headroom.Over && a.over != e.ID {
		a.over = e.ID
		t.note(e.Ended, "episode over", "%s %s", e.Outcome, e.Detail)
	}
}

func (a *account) rung(t *timeline, r *headroom.Rung) {
	if !r.FirstFreed.IsZero() {
		t.happen(freed, r.FirstFreed, "")
		t.date(freed, r.FirstFreed)
	}
	if r.Outcome == headroom.RungDone && r.Removed != nil && r.Before != nil && r.After != nil {
		t.happen(climbed, r.Ended, "%s: removed %s, %s came back", r.Remedy, size(r.Removed.Bytes), size(r.After.Available-r.Before.Available))
	} else {
		t.note(r.Ended, "rung done", "%s: %s %s", r.Remedy, r.Outcome, r.Error)
	}
	for _, note := range r.Notes {
		t.note(r.Ended, "", "%s", a.short(note))
	}
}
