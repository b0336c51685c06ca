package webhook

import (
	"context"
	"sync"
)

// turns let callers that want the same share one asking, of which no two run at
// once. Who comes while one runs waits for the next: the one that runs may have
// been answered before the alerts were there that this caller is after.
type turns struct {
	slot chan struct{} // holds one while one runs

	mu      sync.Mutex
	waiting map[string]*turn // those that have not begun, by what is asked for
}

type turn struct {
	done chan struct{}
	err  error // once done is closed
}

func newTurns() *turns {
	return &turns{slot: make(chan struct{}, 1), waiting: make(map[string]*turn)}
}

// do asks for key, or waits until another caller has done so. The first who
// wants a turn asks with its own ctx, which ends before that of those who join.
func (t *turns) do(ctx context.Context, key string, ask func() error) error {
	t.mu.Lock()
	next := t.waiting[key]
	leads := next == nil
	if leads {
		next = &turn{done: make(chan struct{})}
		t.waiting[key] = next
	}
	t.mu.Unlock()
	if leads {
		return t.lead(ctx, key, next, ask)
	}
	select {
	case <-next.done:
		return next.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t *turns) lead(ctx context.Context, key string, next *turn, ask func() error) error {
	defer close(next.done)
	select {
	case t.slot <- struct{}{}:
		defer func() { <-t.slot }()
	case <-ctx.Done():
		next.err = context.Cause(ctx)
	}
	t.mu.Lock()
	delete(t.waiting, key)
	t.mu.Unlock()
	if next.err == nil {
		next.err = ask()
	}
	return next.err
}
