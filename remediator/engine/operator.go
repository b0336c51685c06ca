package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// minPlan is how much of a plan's hash names it.
const minPlan = 8

// Cases returns the cases of this node. They are the caller's.
func (e *Engine) Cases(ctx context.Context) ([]headroom.Case, error) { return e.load(ctx) }

// Control returns whether anything is paused, and who runs.
func (e *Engine) Control(ctx context.Context) (headroom.Control, error) { return e.Store.Control(ctx) }

// Ask asks for an episode because a person says so, whether headroom is below
// start or not; all gates hold for it. One that waits and has done nothing yet is
// taken over; another comes first, and if it does the same it will have been this
// one, too; if it is cancelled, so is this one. by names the person. What is asked
// for is durable when Ask returns: no alert takes its place, and no change of the
// policy ends it, unless that does nothing about the signal any more; where it does
// nothing now, it is an error wrapping headroom.ErrNotFound.
func (e *Engine) Ask(ctx context.Context, signal headroom.Signal, by string) (headroom.Request, error) {
	now := time.Now()
	r := headroom.Request{
		ID:       requestID(now),
		Node:     e.Node.Name,
		Signal:   signal,
		StartsAt: now,
		Received: now,
		By:       by,
		Labels:   asked(e.Policy, e.Node.Name, signal, "at"),
	}
	r.Fingerprint = r.ID
	if _, ok := e.Policy.Find(r.Labels); !ok {
		return r, fmt.Errorf("signal %q: no case of the policy matches an alert about it with stage=\"at\": %w", signal, headroom.ErrNotFound)
	}
	if err := e.Store.Request(ctx, []headroom.Request{r}); err != nil {
		e.Metrics.storeErrors.Inc()
		return r, fmt.Errorf("store: %w", err)
	}
	e.Logger.Info("asked to run", "signal", signal, "by", by)
	e.rouse()
	return r, nil
}

// Approve gives a person's word for the plan that an open episode waits with.
// plan is the plan's hash or at least its first eight digits. It counts until
// the policy's approval time is over, and for that plan only.
func (e *Engine) Approve(ctx context.Context, episode, plan, by string) error {
	err := e.edit(ctx, episode, func(c *headroom.Case, ep *headroom.Episode) error {
		p := ep.Pending
		switch {
		case !e.current(ep):
			return fmt.Errorf("episode %s goes by an earlier policy or dry run and is about to end: look again: %w", ep.ID, headroom.ErrConflict)
		case ep.DryRun:
			return fmt.Errorf("episode %s is a dry run, which applies nothing: %w", ep.ID, headroom.ErrInvalid)
		case ep.Reason != headroom.AwaitingApproval || p == nil:
			return fmt.Errorf("episode %s waits for no approval: %w", ep.ID, headroom.ErrConflict)
		case len(plan) < minPlan:
			return fmt.Errorf("plan %q: give at least the first %d digits of the plan's hash: %w", plan, minPlan, headroom.ErrInvalid)
		case !strings.HasPrefix(p.Plan, plan):
			return fmt.Errorf("plan %q: what would be done now is plan %s: look at it again (headroom-remediator show %s): %w", plan, p.Plan, ep.ID, headroom.ErrConflict)
		}
		now := time.Now()
		ep.Approval = &headroom.Approval{Step: p.Step, Plan: p.Plan, By: by, At: now, Expires: now.Add(e.Policy.Approval)}
		return nil
	})
	if err == nil {
		e.Logger.Info("plan approved", "episode", episode, "plan", plan, "by", by)
	}
	return err
}

// Cancel ends an open episode, named by its ID or its signal. A rung that is
// being applied stops between two effects; Cancel returns when the episode's end
// is durable, or with ctx's error when that takes longer.
func (e *Engine) Cancel(ctx context.Context, which, by string) error {
	var told string // the episode whose rung was told to stop
	var over <-chan struct{}
	cancel := func(c *headroom.Case, ep *headroom.Episode) error {
		if over = e.stop(ep.ID, stopped{outcome: headroom.Cancelled, by: by}); over != nil {
			told = ep.ID
			return errStopping
		}
		ep.Phase, ep.Reason, ep.Lift, ep.Pending = headroom.Over, "", "", nil
		ep.Outcome, ep.Detail, ep.Ended = headroom.Cancelled, "by "+by, time.Now()
		return nil
	}
	err := e.edit(ctx, which, cancel)
	for errors.Is(err, errStopping) {
		select {
		case <-over:
		case <-ctx.Done():
			return fmt.Errorf("episode %s: its rung was told to stop and has not yet: see what became of it (headroom-remediator show %s): %w", told, told, ctx.Err())
		}
		// The worker has written the end down; or it could not, and does nothing else
		// until somebody has; or something else had stopped the rung before.
		if err = e.edit(ctx, told, cancel); err != nil && e.wasCancelled(ctx, told) {
			err = nil
		}
	}
	if err == nil {
		e.Logger.Info("episode cancelled", "which", which, "by", by)
	}
	return err
}

// errStopping says that the worker will do it.
var errStopping = errors.New("being stopped")

func (e *Engine) wasCancelled(ctx context.Context, episode string) bool {
	cases, err := e.load(ctx)
	return err == nil && slices.ContainsFunc(cases, func(c headroom.Case) bool {
		return slices.ContainsFunc(c.Episodes, func(ep headroom.Episode) bool {
			return ep.ID == episode && ep.Outcome == headroom.Cancelled
		})
	})
}

// edit changes the open episode that which names, as often as the worker saves
// the same case meanwhile.
func (e *Engine) edit(ctx context.Context, which string, change func(*headroom.Case, *headroom.Episode) error) error {
	for range tries {
		cases, err := e.load(ctx)
		if err != nil {
			return err
		}
		c, err := openCase(cases, which)
		if err != nil {
			return err
		}
		if err := change(c, c.Open()); err != nil {
			return err
		}
		trim(c)
		err = e.Store.Save(context.WithoutCancel(ctx), c)
		if err == nil {
			if ep := c.Last(); ep.Phase == headroom.Over {
				e.Metrics.episode(c, ep)
				e.Metrics.phase(c)
			}
			e.rouse()
			return nil
		}
		if !errors.Is(err, headroom.ErrConflict) {
			e.Metrics.storeErrors.Inc()
			return err
		}
	}
	return fmt.Errorf("episode %s: %w", which, headroom.ErrConflict)
}

func openCase(cases []headroom.Case, which string) (*headroom.Case, error) {
	for i := range cases {
		c := &cases[i]
		ep := c.Open()
		if ep != nil && (ep.ID == which || string(c.Signal) == which) {
			return c, nil
		}
		for _, past := range c.Episodes {
			if past.ID == which {
				return nil, fmt.Errorf("episode %s is over (%s): %w", which, past.Outcome, headroom.ErrConflict)
			}
		}
	}
	return nil, fmt.Errorf("no open episode %q: %w", which, headroom.ErrNotFound)
}

// Pause holds every episode from now on; a rung that is being applied stops
// between two effects and is repeated later. It is an error wrapping
// headroom.ErrConflict if that would end somebody's longer pause earlier.
func (e *Engine) Pause(ctx context.Context, p headroom.Pause) error {
	if !p.Until.IsZero() && !p.Until.After(time.Now()) {
		return fmt.Errorf("until %s: is in the past: %w", clock(p.Until), headroom.ErrInvalid)
	}
	var longer *headroom.Pause
	_, err := e.change(ctx, func(c *headroom.Control) bool {
		longer = nil
		if c.Pause.Holds(time.Now()) && outlasts(c.Pause, &p) {
			longer = c.Pause
			return false
		}
		c.Pause = &p
		return true
	})
	switch {
	case err != nil:
		return err
	case longer != nil:
		return fmt.Errorf("it is paused for longer already, by %s: resume first if you mean to shorten that: %w", longer.By, headroom.ErrConflict)
	}
	e.Metrics.paused.Set(1)
	e.Logger.Warn("paused: nothing is done until somebody resumes", "by", p.By, "why", p.Why, "until", p.Until)
	e.stop("", stopped{by: p.By})
	e.rouse()
	return nil
}

// outlasts reports whether a ends after b.
func outlasts(a, b *headroom.Pause) bool {
	return !b.Until.IsZero() && (a.Until.IsZero() || a.Until.After(b.Until))
}

// Resume ends a pause. It is an error wrapping headroom.ErrNotFound if there is
// none.
func (e *Engine) Resume(ctx context.Context, by string) error {
	paused := false
	_, err := e.change(ctx, func(c *headroom.Control) bool {
		paused = c.Pause != nil
		c.Pause = nil
		return paused
	})
	switch {
	case err != nil:
		return err
	case !paused:
		return fmt.Errorf("nothing is paused: %w", headroom.ErrNotFound)
	}
	e.Metrics.paused.Set(0)
	e.Logger.Info("resumed", "by", by)
	e.rouse()
	return nil
}

// rouse wakes the worker, or keeps it awake for one more round.
func (e *Engine) rouse() {
	select {
	case e.wake <- struct{}{}:
	default: // it is awake already
	}
}

// A stopped is why a rung that was being applied was told to stop, as the cause
// of its context.
type stopped struct {
	outcome headroom.Outcome // of the episode; "" lets it go on later
	by      string
}

func (s stopped) Error() string { return "stopped by " + s.by }

// An application is a rung that is being applied.
type application struct {
	episode string
	cancel  context.CancelCauseFunc
	over    chan struct{} // closed when what came of it is written down
}

// stop tells the rung that is being applied to stop, if it is of that episode,
// or whichever it is, and returns what is closed when that is done and written down:
// until then the episode's record is the worker's. It is nil if there is no such rung.
func (e *Engine) stop(episode string, why stopped) <-chan struct{} {
	e.applyMu.Lock()
	defer e.applyMu.Unlock()
	a := e.apply
	if a == nil || episode != "" && a.episode != episode {
		return nil
	}
	a.cancel(why)
	return a.over
}

// applying makes a context for one rung that stop can end. The caller calls
// done when the rung is over and written down.
func (e *Engine) applying(ctx context.Context, episode string) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &application{episode: episode, cancel: cancel, over: make(chan struct{})}
	e.applyMu.Lock()
	e.apply = a
	e.applyMu.Unlock()
	return ctx, func() {
		e.applyMu.Lock()
		e.apply = nil
		e.applyMu.Unlock()
		cancel(nil)
		close(a.over)
	}
}
