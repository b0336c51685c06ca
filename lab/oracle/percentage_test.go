package oracle

import (
	"testing"

	"k8s.io/kubernetes/pkg/kubelet/eviction"
	evictionapi "k8s.io/kubernetes/pkg/kubelet/eviction/api"

	"github.com/nodeheadroom/headroom"
)

// Any percentage of any capacity, and what is available beside it: the threshold
// in the signal's unit, and whether it is met.
func TestPercentageOfCapacity(t *testing.T) {
	c := compare(t)
	for c.compared < 2*million {
		theirs, ours, ok := c.threshold(t, c.share())
		if !ok {
			continue
		}
		for range 20 {
			capacity := int64(c.amount())
			if got, want := ours.Of(capacity), share(theirs.Value, capacity); got != want {
				c.differ("%s of %d: the kubelet has %d, we have %d", ours.Value, capacity, want, got)
			}
			c.met(theirs, ours, capacity)
		}
	}
}

// The same for quantities and oddities, to which capacity should not matter.
func TestThresholdIsMet(t *testing.T) {
	c := compare(t)
	for c.compared < million {
		theirs, ours, ok := c.threshold(t, c.good())
		if !ok {
			continue
		}
		for range 5 {
			c.met(theirs, ours, int64(c.amount()))
		}
	}
}

// threshold parses raw on both sides; ok says that there is a threshold.
func (c *comparison) threshold(t *testing.T, raw string) (evictionapi.Threshold, headroom.Threshold, bool) {
	t.Helper()
	statements := map[string]string{"nodefs.available": raw}
	theirs, refused := eviction.ParseThresholdConfig(nil, statements, nil, nil, nil)
	ours, err := headroom.EvictionConfig{Hard: statements}.Thresholds()
	if (refused == nil) != (err == nil) || len(theirs) != len(ours) {
		t.Fatalf("%q: the kubelet has %v, %v, we have %v, %v", raw, theirs, refused, ours, err)
	}
	if len(theirs) != 1 {
		return evictionapi.Threshold{}, headroom.Threshold{}, false
	}
	return theirs[0], ours[0], true
}

// met compares what both say about an available beside the threshold, or anywhere.
func (c *comparison) met(theirs evictionapi.Threshold, ours headroom.Threshold, capacity int64) {
	c.Helper()
	c.compared++
	available := ours.Of(capacity) + int64(c.IntN(5)) - 2
	if c.in100(20) {
		available = int64(c.amount())
	}
	want := len(met([]evictionapi.Threshold{theirs}, observations{theirs.Signal: observed(available, capacity)})) == 1
	got := ours.Met(headroom.Reading{Signal: ours.Signal, Available: available, Capacity: capacity})
	if want {
		c.yes++
	}
	if got != want {
		c.differ("%d of %d < %s: the kubelet says %v, we say %v", available, capacity, ours.Value, want, got)
	}
}
