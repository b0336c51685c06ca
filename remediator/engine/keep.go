package engine

import (
	"context"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// keepInterval is how often remedies may prepare what they need later.
const keepInterval = time.Minute

// keep lets remedies that set something aside do so in quiet times: no gate holds,
// no episode is open, none was lately, and none was given up, for what it had lent
// must be there again first. What they may take leaves headroom above the target
// of every signal that shares the room.
func (e *Engine) keep(ctx context.Context, cases []headroom.Case) {
	now := time.Now()
	if e.DryRun || now.Sub(e.kept) < keepInterval && !now.Before(e.kept) {
		return
	}
	e.kept = now
	for i := range cases {
		c := &cases[i]
		if last := c.Last(); last != nil && !last.Ended.IsZero() && now.Sub(last.Ended) < e.Policy.Cooldown {
			return
		}
		if c.Signal.Filesystem() != "" && givenUp(c) != nil {
			return
		}
	}
	ctx, done := e.unasked(ctx)
	defer done()
	for _, signal := range e.Policy.Signals() {
		for _, rung := range e.covering(signal).Ladder {
			k, ok := rung.Remedy.(remedy.Keeper)
			if !ok {
				continue
			}
			// Read anew each time: the last may have taken of the same room.
			for _, spare := range e.spares(ctx) {
				if spare.Signal == signal {
					e.keepOne(ctx, k, rung.Remedy.Name(), spare)
				}
			}
		}
	}
}

// unasked makes a context that ends as soon as the worker is woken, which then
// looks at once at what there is. The caller calls done.
func (e *Engine) unasked(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-e.wake:
			e.rouse()
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-ended
	}
}

// covering is the case of the policy that decides about a signal of its.
func (e *Engine) covering(s headroom.Signal) *policy.Case {
	for i := range e.Policy.Cases {
		if pc := &e.Policy.Cases[i]; pc.Covers(s) {
			return pc // the first that matches decides, as for alerts
		}
	}
	return &policy.Case{}
}

// spares says of each signal of the policy that is one of a filesystem how much
// there is above its target, and above that of all that share its room. A signal
// that cannot be read has nothing to spare.
func (e *Engine) spares(ctx context.Context) []remedy.Need {
	var all []remedy.Need
	for _, signal := range e.Policy.Signals() {
		if signal.Filesystem() == "" {
			continue
		}
		v, err := e.Reader.Read(ctx, signal)
		if err != nil {
			continue
		}
		all = append(all, remedy.Need{Signal: signal, Disk: v.Disk, Amount: -v.Missing(v.Target(e.covering(signal).Target))})
	}
	for i := range all {
		for _, other := range all {
			if other.Disk == all[i].Disk && other.Signal.Unit() == all[i].Signal.Unit() {
				all[i].Amount = min(all[i].Amount, other.Amount)
			}
		}
	}
	return all
}

func (e *Engine) keepOne(ctx context.Context, k remedy.Keeper, name string, spare remedy.Need) {
	note, err := k.Keep(ctx, e.Node, spare)
	switch {
	case err != nil && ctx.Err() == nil:
		e.Logger.Warn("could not set aside what a remedy needs later", "remedy", name, "signal", spare.Signal, "err", err)
	case note != "":
		e.Logger.Info(note, "remedy", name, "signal", spare.Signal)
	}
}
