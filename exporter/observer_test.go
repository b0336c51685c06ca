package exporter

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// says is a kubelet that says the same for ever.
type says struct{ summary *kubelet.Summary }

func (s says) Summary(context.Context) (*kubelet.Summary, error) {
	return &kubelet.Summary{Readings: s.summary.Readings, Consumers: slices.Clone(s.summary.Consumers)}, nil
}

func (s says) Metrics(context.Context) (kubelet.Metrics, error) {
	return kubelet.Metrics{Version: "v1.37.2", Evictions: map[string]int64{"nodefs.available": 3}}, nil
}

// asked is a kubelet that counts questions and answers as a test tells it to.
type asked struct {
	summaries, metrics atomic.Int64
	err                atomic.Pointer[error]
	hangs              bool
	hang               chan struct{} // closed to end it
}

func (a *asked) fails(err error) { a.err.Store(&err) }

func (a *asked) outcome() error {
	if a.hangs {
		<-a.hang
	}
	if err := a.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (a *asked) Summary(context.Context) (*kubelet.Summary, error) {
	a.summaries.Add(1)
	return &kubelet.Summary{}, a.outcome()
}

func (a *asked) Metrics(context.Context) (kubelet.Metrics, error) {
	a.metrics.Add(1)
	return kubelet.Metrics{}, a.outcome()
}

// stands is a node whose nodefs has so much left of 1000.
type stands struct{ available, grown atomic.Int64 }

func (s *stands) Read(context.Context) node.Snapshot {
	return node.Snapshot{Readings: []headroom.Reading{
		{Signal: headroom.MemoryAvailable, Available: 0, Capacity: 1000},
		{Signal: headroom.NodeFSAvailable, Available: s.available.Load(), Capacity: 1000 + s.grown.Load()},
	}}
}

// observed runs an observer in a bubble of its own. scrape is what a scrape does
// to it when nodefs has so much left.
func observed(t *testing.T, a *asked, test func(o *observer, scrape func(available int64))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a.hang = make(chan struct{}) // of this bubble
		n := &stands{}
		n.available.Store(500)
		o := newObserver(a, a, n, 10, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); o.run(ctx) }()
		synctest.Wait()
		test(o, func(available int64) {
			n.available.Store(available)
			o.notice(n.Read(ctx).Readings)
			synctest.Wait()
		})
		stop()
		<-done
		close(a.hang)
	})
}

func TestKubeletIsAskedAtItsIntervals(t *testing.T) {
	a := &asked{}
	observed(t, a, func(o *observer, scrape func(int64)) {
		for minute := range 21 {
			if got, want := a.summaries.Load(), int64(1+minute/10); got != want {
				t.Errorf("after %d minutes: %d summaries, want %d", minute, got, want)
			}
			if got, want := a.metrics.Load(), int64(1+minute/5); got != want {
				t.Errorf("after %d minutes: %d metrics, want %d", minute, got, want)
			}
			scrape(500)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
	})
}

func TestEvictionsAreCountedSoonerWhileAThresholdIsMet(t *testing.T) {
	a := &asked{}
	observed(t, a, func(o *observer, _ func(int64)) {
		for _, step := range []struct {
			sentence string
			after    time.Duration
			met      bool
			want     int64 // times counted
		}{
			{"all is well", time.Minute, false, 1},
			{"a threshold is met, and counting is long ago", 0, true, 2},
			{"it still is", 15 * time.Second, true, 2},
			{"for half a minute", 15 * time.Second, true, 3},
			{"not any more, but it was after the last count", time.Second, true, 3},
			{"which is looked after", 29 * time.Second, false, 4},
			{"all is well again", 4 * time.Minute, false, 4},
		} {
			time.Sleep(step.after)
			synctest.Wait()
			if step.met {
				o.press()
				synctest.Wait()
			}
			if got := a.metrics.Load(); got != step.want {
				t.Errorf("%s: counted %d times, want %d", step.sentence, got, step.want)
			}
		}
		if got := a.summaries.Load(); got != 1 {
			t.Errorf("%d summaries", got)
		}
	})
}

func TestKubeletIsAskedSoonerWhenAFilesystemFills(t *testing.T) {
	a := &asked{}
	observed(t, a, func(o *observer, scrape func(int64)) {
		for _, step := range []struct {
			sentence  string
			after     time.Duration
			available int64
			want      int64 // summaries so far
		}{
			{"a hundredth is not more than a hundredth", time.Minute, 490, 1},
			{"more is, and the last look is long ago", 0, 489, 2},
			{"the same level is no news", time.Minute, 489, 2},
			{"a fall right after a look waits", 0, 470, 3},
			{"it goes on falling", 15 * time.Second, 400, 3},
			{"for half a minute", 14 * time.Second, 300, 3},
			{"and no longer", time.Second, 300, 4},
			{"a rise is no fall", time.Minute, 900, 4},
			{"the turn comes all the same", 9 * time.Minute, 900, 5},
			{"and the fall is then from there", 30 * time.Second, 891, 5},
			{"as far as it is one", 0, 880, 6},
		} {
			time.Sleep(step.after)
			synctest.Wait()
			scrape(step.available)
			if got := a.summaries.Load(); got != step.want {
				t.Errorf("%s: %d summaries, want %d", step.sentence, got, step.want)
			}
		}
	})
}

// Something was mounted there.
func TestKubeletIsAskedSoonerWhenAFilesystemIsAnother(t *testing.T) {
	a := &asked{}
	observed(t, a, func(o *observer, scrape func(int64)) {
		for i, by := range []int64{5, 500, -500} { // xfs counts other inodes all the time
			time.Sleep(time.Minute)
			o.node.(*stands).grown.Add(by)
			scrape(500)
			if got := a.summaries.Load(); got != int64(i+1) {
				t.Errorf("%d summaries, want %d", got, i+1)
			}
		}
	})
}

func TestKubeletIsAskedAtMostTwiceAMinute(t *testing.T) {
	a := &asked{}
	observed(t, a, func(o *observer, scrape func(int64)) {
		level := int64(500)
		for range 600 {
			level -= 20 // two hundredths a second
			scrape(level)
			time.Sleep(time.Second)
		}
		if got := a.summaries.Load(); got < 19 || got > 21 {
			t.Errorf("%d summaries in ten minutes", got)
		}
	})
}

func TestKubeletThatFailsIsAskedAgainInAMinute(t *testing.T) {
	a := &asked{}
	a.fails(errors.New("connection refused"))
	observed(t, a, func(o *observer, scrape func(int64)) {
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if got := a.summaries.Load(); got != 4 {
			t.Errorf("%d summaries in three minutes, want 4", got)
		}
		seen, counts := o.known()
		if r := o.report(nil); seen != nil || counts != nil || len(r) != 2 || r[0].Name != "summary" || r[1].Name != "metrics" || r[0].Err == nil || r[1].Err == nil {
			t.Errorf("known: %v, %v; report: %v", seen, counts, r)
		}
	})
}

func TestWhatTheKubeletSaidCountsForAWhile(t *testing.T) {
	a := &asked{}
	observed(t, a, func(o *observer, scrape func(int64)) {
		a.fails(errors.New("connection refused"))
		for _, step := range []struct {
			after time.Duration
			known bool
		}{{0, true}, {14 * time.Minute, true}, {2 * time.Minute, false}} {
			time.Sleep(step.after)
			synctest.Wait()
			if seen, counts := o.known(); (seen != nil) != step.known || (counts != nil) != step.known {
				t.Errorf("after another %s: %v, %v", step.after, seen, counts)
			}
		}
	})
}

// What is needed to ask, a token for example, may lie on the filesystem that
// hangs.
func TestKubeletThatHangsIsAskedOnce(t *testing.T) {
	a := &asked{hangs: true}
	observed(t, a, func(o *observer, scrape func(int64)) {
		if r := o.report(nil); len(r) != 0 {
			t.Errorf("before it is over: %v", r)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s, m := a.summaries.Load(), a.metrics.Load(); s != 1 || m != 1 {
			t.Errorf("asked %d and %d times", s, m)
		}
		for _, r := range o.report(nil) {
			if !errors.Is(r.Err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", r.Name, r.Err)
			}
		}
	})
}

func TestOutcomeOfAskingIsLoggedWhenItIsNews(t *testing.T) {
	var log bytes.Buffer
	a := &asked{}
	o := newObserver(a, a, &stands{}, 10, slog.New(slog.NewTextHandler(&log, nil)))
	for i, c := range []struct {
		err   error
		lines int
	}{{nil, 0}, {errors.New("a"), 1}, {errors.New("a"), 1}, {errors.New("b"), 2}, {nil, 3}, {nil, 3}} {
		a.fails(c.err)
		o.summary.Refresh(t.Context())
		if got := strings.Count(log.String(), "\n"); got != c.lines {
			t.Errorf("%d: %d lines, want %d:\n%s", i, got, c.lines, log.String())
		}
	}
}

func TestSummaryIsComparedWithTheNodeAtThatMoment(t *testing.T) {
	n := &stands{}
	n.available.Store(500)
	o := observing(t, n, &kubelet.Summary{Readings: []headroom.Reading{
		{Signal: headroom.NodeFSAvailable, Available: 750, Capacity: 2000},
		{Signal: headroom.PIDAvailable, Available: 1, Capacity: 2}, // which the node did not tell
	}}, 10)
	seen, _ := o.known()
	want := []headroom.Divergence{{Signal: headroom.NodeFSAvailable, Available: 0.25, Capacity: 1}}
	if diff := cmp.Diff(want, seen.divergences); diff != "" {
		t.Error(diff)
	}
}
