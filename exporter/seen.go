package exporter

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// seen is what a kubelet's summary comes to. It does not change.
type seen struct {
	divergences []headroom.Divergence
	consumers   []headroom.Consumer // the largest of each filesystem and unit
}

// newSeen compares a summary with what the node was read as at that moment, and
// takes its n largest consumers.
func newSeen(s *kubelet.Summary, native []headroom.Reading, n int) *seen {
	v := &seen{consumers: largest(s.Consumers, n)}
	for _, r := range native {
		if theirs, ok := find(s.Readings, r.Signal); ok {
			if d, ok := headroom.Diverge(theirs, r); ok {
				v.divergences = append(v.divergences, d)
			}
		}
	}
	return v
}

// largest returns the n largest consumers of each filesystem and unit, of which
// no two are the same but for the amount. It sorts cs.
func largest(cs []headroom.Consumer, n int) []headroom.Consumer {
	if n == 0 {
		return nil
	}
	var all []headroom.Consumer // the few, without the many behind them
	at := make(map[headroom.Consumer]int)
	for _, c := range headroom.Largest(cs, n) {
		key := c
		key.Used = 0
		if i, twice := at[key]; twice {
			all[i].Used += c.Used
			continue
		}
		at[key] = len(all)
		all = append(all, c)
	}
	return all
}

// counts are the pods that a kubelet has evicted. They do not change.
type counts struct{ evictions []count }

type count struct {
	signal string
	pods   int64
}

// limits are what else than a signal the kubelet evicts single pods for
// (pkg/kubelet/eviction/eviction_manager.go).
var limits = []string{"emptydirfs.limit", "ephemeralpodfs.limit", "ephemeralcontainerfs.limit"}

// newCounts counts from 0 what has not happened yet, so that the first time is an
// increase. What else the kubelet counts follows, by name.
func newCounts(evictions map[string]int64) *counts {
	c := &counts{}
	more := maps.Clone(evictions)
	add := func(signal string) {
		c.evictions = append(c.evictions, count{signal, evictions[signal]})
		delete(more, signal)
	}
	for _, s := range allSignals {
		add(string(s))
	}
	for _, l := range limits {
		add(l)
	}
	for _, signal := range slices.SortedFunc(maps.Keys(more), cmp.Compare) {
		add(signal)
	}
	return c
}

// or returns last where it says the same: what is written of it then still holds.
func (c *counts) or(last *counts) *counts {
	if last != nil && slices.Equal(c.evictions, last.evictions) {
		return last
	}
	return c
}
