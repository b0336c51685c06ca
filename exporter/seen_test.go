package exporter

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
)

func TestEvictionsBeginAtZero(t *testing.T) {
	for name, c := range map[string]struct {
		counted map[string]int64
		want    map[string]int64 // those that are not 0
	}{
		"before the first":               {nil, nil},
		"of a signal":                    {map[string]int64{"nodefs.available": 2}, map[string]int64{"nodefs.available": 2}},
		"of a pod's own limit":           {map[string]int64{"emptydirfs.limit": 1}, map[string]int64{"emptydirfs.limit": 1}},
		"of what nobody has heard of":    {map[string]int64{"b": 1, "a": 2}, map[string]int64{"b": 1, "a": 2}},
		"of what has no name, once seen": {map[string]int64{"": 1}, map[string]int64{"": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := newCounts(c.counted)
			seen := make(map[string]bool)
			more := make(map[string]int64)
			for _, e := range got.evictions {
				if seen[e.signal] {
					t.Errorf("%s is there twice", e.signal)
				}
				if seen[e.signal] = true; e.pods > 0 {
					more[e.signal] = e.pods
				}
			}
			for _, s := range append([]string{"emptydirfs.limit", "ephemeralpodfs.limit", "ephemeralcontainerfs.limit"}, names(headroom.Signals())...) {
				if !seen[s] {
					t.Errorf("%s is not there", s)
				}
			}
			if diff := cmp.Diff(c.want, more); diff != "" && len(more)+len(c.want) > 0 {
				t.Error(diff)
			}
		})
	}
}

func names(signals []headroom.Signal) (all []string) {
	for _, s := range signals {
		all = append(all, string(s))
	}
	return all
}

// What is written of them then stays as it is.
func TestCountsThatDidNotChangeAreTheSame(t *testing.T) {
	first := newCounts(map[string]int64{"nodefs.available": 2})
	if got := newCounts(map[string]int64{"nodefs.available": 2}).or(first); got != first {
		t.Error("they are others")
	}
	if got := newCounts(map[string]int64{"nodefs.available": 3}).or(first); got == first {
		t.Error("they are the same")
	}
}

func TestLargestConsumersAreNoTwoAlike(t *testing.T) {
	log := func(pod string, used int64) headroom.Consumer {
		return headroom.Consumer{Filesystem: headroom.NodeFS, Kind: headroom.Logs, Pod: pod, Unit: headroom.Bytes, Used: used}
	}
	inodes := log("a", 4)
	inodes.Unit = headroom.Inodes
	got := largest([]headroom.Consumer{log("a", 2), log("b", 3), log("a", 5), inodes, log("c", 1)}, 3)
	if diff := cmp.Diff([]headroom.Consumer{log("a", 7), log("b", 3), inodes}, got); diff != "" {
		t.Error(diff)
	}
	if got := largest([]headroom.Consumer{log("a", 2)}, 0); got != nil {
		t.Errorf("of none: %v", got)
	}
}
