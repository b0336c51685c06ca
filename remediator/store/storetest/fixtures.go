package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
)

// at is a moment with nanoseconds, in a zone that is neither UTC nor the
// machine's.
func at(minute int) time.Time {
	return time.Date(2026, 3, 29, 1, minute, 59, 123456789, time.FixedZone("", 5*3600+45*60))
}

func request(node string, s headroom.Signal, n int) headroom.Request {
	return headroom.Request{
		ID:          fmt.Sprintf("%s-%s-%d", node, s, n),
		Node:        node,
		Signal:      s,
		Fingerprint: "52b1a7d8c3f0e9a1",
		StartsAt:    at(n % 50),
		Labels:      map[string]string{"alertname": "HeadroomLow", "node": node, "signal": string(s)},
		Received:    at(n%50 + 1),
	}
}

// episode has every field set.
func episode(n int) headroom.Episode {
	state := func(available int64) *headroom.State {
		return &headroom.State{Available: available, Capacity: 1 << 40, Threshold: 7, Ratio: 1.0 / 3, At: at(n)}
	}
	return headroom.Episode{
		ID: fmt.Sprint("episode-", n), Request: request("n1", headroom.NodeFSAvailable, n),
		Phase: headroom.Over, Reason: headroom.Watching, Detail: "<b> & \"quotes\" \u2028", Lift: "never", Outcome: headroom.Succeeded,
		DryRun: true, Policy: "sha256:77", Start: 0.05, Target: 0.15,
		Created: at(n), Until: at(n + 1), Started: at(n + 2), Ended: at(n + 3), Recovered: at(n + 4),
		Before: state(-5), After: state(1<<62 + 1),
		Pending:  &headroom.Pending{Step: 1, Remedy: "exec", Plan: "sha256:99", Items: []string{"a"}, More: 1, At: at(n)},
		Approval: &headroom.Approval{Step: 1, Plan: "sha256:99", By: "ann", At: at(n), Expires: at(n + 1)},
		Rungs: []headroom.Rung{{
			Step: 3, Remedy: "log-reclaim", Outcome: headroom.RungDone, Error: "none", Plan: "sha256:88",
			ApprovedBy: "ann", Lent: true, HalfDone: true,
			Planned: headroom.Amount{Bytes: 1 << 40, Inodes: 3}, Removed: &headroom.Amount{},
			Before: state(1), After: state(2), Notes: []string{"left alone: é\x7f"},
			Started: at(n), FirstFreed: at(n + 1), Ended: at(n + 2),
		}, {Remedy: "exec", Started: at(n)}}, // Removed is unknown
	}
}

func newCase(node string, s headroom.Signal) *headroom.Case {
	c := &headroom.Case{Node: node, Signal: s, Answered: "a", Heeded: "b", Attempts: []time.Time{at(1), at(2)}}
	c.Begin(episode(1))
	return c
}

func opened(t *testing.T, open func(*testing.T) Store) Store {
	t.Helper()
	s := open(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func ask(t *testing.T, s Store, rs ...headroom.Request) {
	t.Helper()
	if err := s.Request(context.Background(), rs); err != nil {
		t.Fatalf("Request: %v", err)
	}
}

func save(t *testing.T, s Store, c *headroom.Case) {
	t.Helper()
	if err := s.Save(context.Background(), c); err != nil {
		t.Fatalf("Save: %v", err)
	}
}

func load(t *testing.T, s Store) []headroom.Case {
	t.Helper()
	cs, err := s.Load(context.Background())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cs
}

// one loads the only case there is.
func one(t *testing.T, s Store) headroom.Case {
	t.Helper()
	cs := load(t, s)
	if len(cs) != 1 {
		t.Fatalf("Load returned %d cases, want 1: %+v", len(cs), cs)
	}
	return cs[0]
}

// equal compares to the nanosecond, and zones by their offset.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	sameTime := cmp.Comparer(func(a, b time.Time) bool {
		_, x := a.Zone()
		_, y := b.Zone()
		return a.Equal(b) && x == y
	})
	if diff := cmp.Diff(want, got, sameTime); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
