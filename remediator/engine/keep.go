package engine

import (
	"context"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// keepInterval is how often remedies may prepare what they need later.
const keepInterval = time.Minute

// keep lets remedies that set something aside do so, while no episode is open
// and none was lately. What they may take leaves headroom above the target.
func (e *Engine) keep(ctx context.Context, cases []headroom.Case) {
	now := time.Now()
	if e.DryRun || now.Sub(e.kept) < keepInterval && !now.Before(e.kept) {
		return
	}
	e.kept = now
	for _, c := range cases {
		if last := c.Last(); last != nil && !last.Ended.IsZero() && now.Sub(last.Ended) < e.Policy.Cooldown {
			return
		}
	}
	for _, signal := range e.Policy.Signals() {
		for i := range e.Policy.Cases {
			pc := &e.Policy.Cases[i]
			if !pc.Covers(signal) {
				continue
			}
			for _, rung := range pc.Ladder {
				if k, ok := rung.Remedy.(remedy.Keeper); ok {
					e.keepOne(ctx, k, rung.Remedy.Name(), signal, pc.Target)
				}
			}
			break // the first that matches decides, as for alerts
		}
	}
}

func (e *Engine) keepOne(ctx context.Context, k remedy.Keeper, name string, signal headroom.Signal, target float64) {
	if signal.Filesystem() == "" {
		return
	}
	v, err := e.Reader.Read(ctx, signal)
	if err != nil {
		return // cannot tell: nothing is taken
	}
	spare := remedy.Need{Signal: signal, Disk: v.Disk, Amount: -v.Missing(v.Target(target))}
	note, err := k.Keep(ctx, e.Node, spare)
	switch {
	case err != nil && ctx.Err() == nil:
		e.Logger.Warn("could not set aside what a remedy needs later", "remedy", name, "signal", signal, "err", err)
	case note != "":
		e.Logger.Info(note, "remedy", name, "signal", signal)
	}
}
