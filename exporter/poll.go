package exporter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// A poll asks the same thing again and again, off the path of scrapes, and keeps
// the last answer for a while. Its results may be read concurrently.
type poll[T any] struct {
	reader   string // as metrics name it
	ask      func(context.Context) (*T, error)
	patience time.Duration // with one question
	keep     time.Duration // how long an answer counts
	log      *slog.Logger

	// pending is the question that was given up waiting for: what it needs may
	// lie on the very filesystem that hangs. There is never a second one.
	pending chan polled[T]

	mu    sync.Mutex
	good  *T
	at    time.Time // of good
	asked bool
	took  time.Duration // by the last question
	err   error         // of it
}

type polled[T any] struct {
	answer *T
	err    error
}

// refresh asks now. Only one at a time.
func (p *poll[T]) refresh(ctx context.Context) {
	began := time.Now()
	answer, err := p.await(ctx)
	if ctx.Err() != nil {
		return // the program ends: that says nothing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil && (p.err == nil || p.err.Error() != err.Error()):
		p.log.Warn("asking the kubelet", "reader", p.reader, "err", err)
	case err == nil && p.err != nil:
		p.log.Info("asking the kubelet succeeds again", "reader", p.reader)
	}
	p.asked, p.err, p.took = true, err, time.Since(began)
	if err == nil {
		p.good, p.at = answer, time.Now()
	}
}

func (p *poll[T]) await(ctx context.Context) (*T, error) {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	for {
		fresh := p.pending == nil
		if fresh {
			pending := make(chan polled[T], 1) // whoever asked may have left
			p.pending = pending
			go func() {
				answer, err := p.ask(ctx)
				pending <- polled[T]{answer, err}
			}()
		}
		select {
		case o := <-p.pending:
			p.pending = nil
			if fresh {
				return o.answer, o.err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("not answered within %s: %w", p.patience, ctx.Err())
		}
	}
}

// known returns the last answer, or nil if there is none or it is too old.
func (p *poll[T]) known() *T {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.good == nil || time.Since(p.at) > p.keep {
		return nil
	}
	return p.good
}

// last returns how the last question ended; asked is false before the first.
func (p *poll[T]) last() (took time.Duration, asked bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.took, p.asked, p.err
}
