package poll

import (
	"context"
	"fmt"
	"time"
)

// A Question is something that is asked again and again and may never be answered:
// what it takes may lie on the very filesystem that hangs, and a thread that waits
// for one cannot be called back. Only one at a time may ask it.
type Question[T any] struct {
	// Call asks. It may hang, and then outlives who asked; what it returns in the
	// end is not news.
	Call func(context.Context) (T, error)
	// Patience is how long an answer is waited for.
	Patience time.Duration
	// Late is what an error says, before its cause, when there was none by then.
	Late string

	// pending is the call that was given up waiting for. There is never a second
	// one.
	pending chan outcome[T]
}

type outcome[T any] struct {
	answer T
	err    error
}

// Ask waits for an answer as long as ctx and patience allow; past that the error is
// the context's. While an earlier call hangs no other is begun.
func (q *Question[T]) Ask(ctx context.Context) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Patience)
	defer cancel()
	for {
		fresh := q.pending == nil
		if fresh {
			q.begin(ctx)
		}
		select {
		case o := <-q.pending:
			q.pending = nil
			if fresh {
				return o.answer, o.err
			}
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("%s: %w", q.Late, ctx.Err())
		}
	}
}

func (q *Question[T]) begin(ctx context.Context) {
	pending := make(chan outcome[T], 1) // whoever asked may have left
	q.pending = pending
	call := q.Call
	go func() {
		answer, err := call(ctx)
		pending <- outcome[T]{answer, err}
	}()
}
