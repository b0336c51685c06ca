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
// every few minutes, and sooner when a filesystem fills; its counters every
// minute. Scrapes take what is known. Safe for concurrent use, but for run.
type observer struct {
	node     snapshots
	summary  polled[seen]
	metrics  polled[counts]
	every    time.Duration // between summaries
	counting time.Duration // between looks at the counters

	poke chan struct{} // says that a look should not wait for its turn
	// looked holds what the node had left at the last look.
	looked atomic.Pointer[[]headroom.Reading]
}

// newObserver keeps the n largest consumers of each filesystem and unit.
func newObserver(s summaries, e evictions, node snapshots, n int, log *slog.Logger) *observer {
	o := &observer{node: node, every: 5 * time.Minute, counting: time.Minute, poke: make(chan struct{}, 1)}
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
	both.Go(func() { o.metrics.Run(ctx, o.counting) })
	both.Go(func() { o.look(ctx) })
}

func (o *observer) look(ctx context.Context) {
	for {
		o.summary.Refresh(ctx)
		select { // a poke from before compared with what was seen before
		case <-o.poke:
		default:
		}
		wait := o.every
		if o.summary.Record().Err != nil {
			wait = min(wait, retry)
		}
		turn := time.After(wait)
		early := time.After(min(soonest, o.every))
		select {
		case <-turn:
			continue
		case <-ctx.Done():
			return
		case <-o.poke:
		}
		select {
		case <-early:
		case <-ctx.Done():
			return
		}
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
			select {
			case o.poke <- struct{}{}:
			default: // somebody has said so
			}
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
