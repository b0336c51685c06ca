package exporter

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// summaries and evictions are what the observer wants of a kubelet.Viewer.
type summaries interface {
	Summary(context.Context) (*kubelet.Summary, error)
}

type evictions interface {
	Metrics(context.Context) (kubelet.Metrics, error)
}

// soonest is how long after a look the next one may follow. A summary of 200 pods
// is some hundred kilobytes, for which the kubelet asks its runtime about each
// container.
const soonest = 30 * time.Second

// longest leaves time to ask again, more than once, before the last answer
// expires.
const longest = keepSeen - 5*time.Minute

// retry is how long after a look that failed the next one follows: a kubelet that
// starts is seen soon, one that cannot answer is not asked all the time.
const retry = time.Minute

// keepSeen is how long what the kubelet said counts while asking it fails: as
// long as its configuration.
const keepSeen = kubelet.Keep

// answerPatience is how long the kubelet is waited for: longer than a
// kubelet.Viewer waits for it.
const answerPatience = 15 * time.Second

// An observer asks the kubelet what it sees itself, in the background: a summary
// every few minutes, and sooner when a filesystem fills; its counters every few
// minutes, and sooner while a threshold is met. Scrapes take what is known. Safe for concurrent use, but for run.
type observer struct {
	node     snapshots
	summary  polled[seen]
	metrics  polled[counts]
	every    time.Duration // between summaries
	counting time.Duration // between looks at the counters

	poke chan struct{} // says that a summary should not wait for its turn
	met  chan struct{} // and that counting should not
	// looked holds what the node had left at the last look.
	looked atomic.Pointer[[]headroom.Reading]
}

// newObserver keeps the n largest consumers of each filesystem and unit.
func newObserver(s summaries, e evictions, node snapshots, n int, log *slog.Logger) *observer {
	o := &observer{node: node, every: 10 * time.Minute, counting: 5 * time.Minute, poke: make(chan struct{}, 1), met: make(chan struct{}, 1)}
	o.summary = newPolled("summary", log, func(ctx context.Context) (*seen, error) {
		summary, err := s.Summary(ctx)
		native := o.read(ctx)
		if err != nil {
			return nil, err
		}
		return newSeen(summary, native, n), nil
	})
	o.metrics = newPolled("metrics", log, func(ctx context.Context) (*counts, error) {
		m, err := e.Metrics(ctx)
		if err != nil {
			return nil, err
		}
		return newCounts(m.Evictions).or(o.metrics.known()), nil
	})
	return o
}

// read reads the node to compare with, now and until the next look.
func (o *observer) read(ctx context.Context) []headroom.Reading {
	native := o.node.Read(ctx).Readings
	o.looked.Store(&native)
	return native
}

// run asks until ctx ends.
func (o *observer) run(ctx context.Context) {
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() { again(ctx, o.metrics, o.counting, o.met) })
	both.Go(func() { again(ctx, o.summary, o.every, o.poke) })
}

// again asks at once and then every so often, until ctx ends: sooner after a
// failure, and when it is poked.
func again[T any](ctx context.Context, p polled[T], every time.Duration, poke <-chan struct{}) {
	for {
		p.Refresh(ctx) // its outcome is kept and, where it is news, logged
		select {       // what it was poked for before is known now
		case <-poke:
		default:
		}
		wait := every
		if p.Record().Err != nil {
			wait = min(wait, retry)
		}
		turn := time.After(wait)
		early := time.After(min(soonest, every))
		select {
		case <-turn:
			continue
		case <-ctx.Done():
			return
		case <-poke:
		}
		select {
		case <-early:
		case <-ctx.Done():
			return
		}
	}
}

// press says that a threshold is met: pods may be evicted any moment, and are not
// to be counted minutes later.
func (o *observer) press() { say(o.met) }

func say(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default: // somebody has said so
	}
}

// notice compares what a scrape has read with the last look, and has another one
// taken if a filesystem has lost a hundredth of its capacity since, or is another
// one.
func (o *observer) notice(readings []headroom.Reading) {
	looked := o.looked.Load()
	if looked == nil {
		return
	}
	for _, r := range readings {
		if r.Signal.Filesystem() == "" {
			continue
		}
		was, ok := find(*looked, r.Signal)
		grown := was.Capacity - r.Capacity
		if ok && r.Capacity > 0 && max(was.Available-r.Available, grown, -grown) > r.Capacity/100 {
			say(o.poke)
			return
		}
	}
}

// known returns what was seen and counted last; nil is unknown.
func (o *observer) known() (*seen, *counts) { return o.summary.known(), o.metrics.known() }

// report adds how the last questions ended.
func (o *observer) report(to []node.ReaderResult) []node.ReaderResult {
	return o.metrics.report(o.summary.report(to))
}
