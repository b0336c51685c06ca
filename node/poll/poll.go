// Package poll asks the same thing again and again, off the path of scrapes, and
// keeps the last good answer. It decides neither how long that counts nor what is
// logged of it.
//
// A Question is for what may hang, a Poll for what is to be remembered; most take
// both. What a scrape itself waits for is asked by package node, which has
// questions of its own.
package poll

import (
	"context"
	"sync"
	"time"
)

// A Poll keeps how asking went. It is safe for concurrent use.
type Poll[T any] struct {
	ask  func(context.Context) (T, error)
	news func(before, now Record[T])

	asking sync.Mutex // one at a time
	ready  chan struct{}

	mu     sync.Mutex
	record Record[T]
}

// A Record is how asking has gone so far.
type Record[T any] struct {
	Good T         // the last good answer
	At   time.Time // when it came; zero before the first

	// Asked says that asking is over for the first time, however it ended.
	Asked bool
	Took  time.Duration // the last time
	Err   error         // why there was no answer then
}

// New returns a poll that has not asked yet; until it has, its record's error is
// unasked. news hears how asking went and how it had gone before, each time, to log
// what is new; it must not use the poll.
func New[T any](unasked error, ask func(context.Context) (T, error), news func(before, now Record[T])) *Poll[T] {
	return &Poll[T]{ask: ask, news: news, ready: make(chan struct{}), record: Record[T]{Err: unasked}}
}

// Run asks at once and then every interval, until ctx ends.
func (p *Poll[T]) Run(ctx context.Context, interval time.Duration) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		p.Refresh(ctx) // its outcome is kept and, where it is news, logged
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// Ready is closed once asking is over for the first time, however it ended.
func (p *Poll[T]) Ready() <-chan struct{} { return p.ready }

// Refresh asks now, after anyone who is asking. Where ctx ends first nothing is
// kept, for that says nothing about who is asked.
func (p *Poll[T]) Refresh(ctx context.Context) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	began := time.Now()
	answer, err := p.ask(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.keep(answer, err, time.Since(began))
	return err
}

func (p *Poll[T]) keep(answer T, err error, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.record
	p.record.Asked, p.record.Took, p.record.Err = true, took, err
	if err == nil {
		p.record.Good, p.record.At = answer, time.Now()
	}
	p.news(before, p.record)
	if !before.Asked {
		close(p.ready)
	}
}

// Record returns how asking has gone so far, without waiting for anything.
func (p *Poll[T]) Record() Record[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.record
}

// Alike reports whether both are failures of which one reads as the other: the
// second is no news then.
func Alike(before, now error) bool {
	return before != nil && now != nil && before.Error() == now.Error()
}
