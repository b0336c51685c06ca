package remedy

import (
	"context"
	"time"
)

// How long and how often the disk is looked at for what a removal gave back: a
// runtime may clean up after it has answered, containerd a quarter of a second
// later or more.
const (
	settleTime = 500 * time.Millisecond
	settleStep = 25 * time.Millisecond
)

// settle waits until nothing is missing or no more than expected, but no longer
// than atMost. It returns what is missing then.
func settle(ctx context.Context, missing func(context.Context) (int64, error), expected int64, atMost time.Duration) (int64, error) {
	for waited := time.Duration(0); ; waited += settleStep {
		left, err := missing(ctx)
		if err != nil || left <= 0 || left <= expected || waited >= atMost {
			return left, err
		}
		select {
		case <-ctx.Done():
			return left, ctx.Err()
		case <-time.After(settleStep):
		}
	}
}
