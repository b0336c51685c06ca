package cluster

import (
	"context"
	"fmt"
	"time"
)

// Patience is how long a wait lasts whose context has no end of its own: several
// times what a slow machine needs.
const Patience = 3 * time.Minute

// Wait asks every 100 ms until met returns nil. When ctx ends, or Patience is over
// where ctx has no deadline, it fails with what, and why it was not met last.
func Wait(ctx context.Context, what string, met func(context.Context) error) error {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, Patience)
		defer cancel()
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := met(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // not the one that only says that ctx has ended
		}
		if gone, ok := err.(*endedError); ok {
			return fmt.Errorf("wait for %s: %w", what, gone)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; last: %w", what, context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}
