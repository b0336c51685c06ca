package main

import (
	"context"
	"time"
)

// An order is what a fill is to take, and in which time.
type order struct {
	amount int64 // bytes or inodes
	lasts  time.Duration
}

// perSecond is the pace.
func (o order) perSecond() float64 { return float64(o.amount) / o.lasts.Seconds() }

// steps calls take every so often with how much is due, as the clock says, until
// all is taken or ctx ends.
func (o order) steps(ctx context.Context, every time.Duration, take func(amount int64) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	began, taken := time.Now(), int64(0)
	for taken < o.amount {
		due := min(o.amount, int64(o.perSecond()*time.Since(began).Seconds()))
		if due > taken {
			if err := take(due - taken); err != nil {
				return err
			}
			taken = due
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}

// over waits until the time is over.
func (o order) over(ctx context.Context) error { return pause(ctx, o.lasts) }

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
