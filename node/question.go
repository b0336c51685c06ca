package node

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// A question is something asked of the kernel, again and again. It is safe for
// concurrent use.
//
// An answer may never come (a server gone, a FUSE program stopped, and procfs
// can be one, too), and a thread that waits for it cannot be called back. So at
// most one call per question is under way: whoever asks meanwhile waits for that
// one, and only until its deadline has passed. As soon as the call returns, the
// next to ask starts a new one.
type question[T any] struct {
	about   string // in errors
	timeout time.Duration
	call    func() (T, error)

	mu     sync.Mutex
	flight *flight[T] // nil while nobody asks
}

// A flight is one call to the kernel that any number of askers wait for. took,
// answer and err may be read once done is closed.
type flight[T any] struct {
	started  time.Time
	deadline time.Time
	done     chan struct{}
	took     time.Duration
	answer   T
	err      error
}

func newQuestion[T any](about string, timeout time.Duration, call func() (T, error)) *question[T] {
	return &question[T]{about: about, timeout: timeout, call: call}
}

// ask returns the answer as it is now. The error is os.ErrDeadlineExceeded where
// it did not come in time (at once, when an earlier call is already past its
// deadline), the context's where that ended first.
func (q *question[T]) ask(ctx context.Context) (T, error) { return q.wait(ctx, q.start()) }

// start returns the call under way, or begins one.
func (q *question[T]) start() *flight[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flight == nil {
		now := time.Now()
		f := &flight[T]{started: now, deadline: now.Add(q.timeout), done: make(chan struct{})}
		q.flight = f
		go q.run(f)
	}
	return q.flight
}

// idle reports whether no call is under way.
func (q *question[T]) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flight == nil
}

// run is the only place that may hang.
func (q *question[T]) run(f *flight[T]) {
	began := time.Now()
	f.answer, f.err = q.call()
	f.took = time.Since(began)
	q.mu.Lock()
	q.flight = nil
	q.mu.Unlock()
	close(f.done)
}

func (q *question[T]) wait(ctx context.Context, f *flight[T]) (T, error) {
	select {
	case <-f.done:
		return f.answer, f.err
	default:
	}
	timer := time.NewTimer(time.Until(f.deadline))
	defer timer.Stop()
	var none T
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		return none, fmt.Errorf("%s: %w", q.about, ctx.Err())
	case <-timer.C:
		return none, fmt.Errorf("%s: has not answered since %s: %w",
			q.about, f.started.UTC().Format(time.RFC3339), os.ErrDeadlineExceeded)
	}
}
