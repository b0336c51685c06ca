package oracle

import (
	"math"
	"math/big"
	"slices"
	_ "unsafe" // go:linkname

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	_ "k8s.io/kubernetes/pkg/kubelet/eviction"
	evictionapi "k8s.io/kubernetes/pkg/kubelet/eviction/api"

	"github.com/nodeheadroom/headroom"
)

// What the eviction manager keeps to itself; an observation is laid out as it is
// there.
type (
	observation struct {
		capacity, available *resource.Quantity
		time                metav1.Time
	}
	observations map[evictionapi.Signal]observation
	podStats     func(pod any) (statsapi.PodStats, bool)
)

//go:linkname makeSignalObservations k8s.io/kubernetes/pkg/kubelet/eviction.makeSignalObservations
func makeSignalObservations(logr.Logger, *statsapi.Summary) (observations, podStats)

//go:linkname thresholdsMet k8s.io/kubernetes/pkg/kubelet/eviction.thresholdsMet
func thresholdsMet(_ logr.Logger, _ []evictionapi.Threshold, _ observations, enforceMinReclaim bool) []evictionapi.Threshold

func met(ts []evictionapi.Threshold, seen observations) []evictionapi.Threshold {
	return thresholdsMet(logr.Discard(), ts, seen, false)
}

func observed(available, capacity int64) observation {
	return observation{
		available: resource.NewQuantity(available, resource.BinarySI),
		capacity:  resource.NewQuantity(capacity, resource.BinarySI),
	}
}

// alike reports whether both lists hold the same thresholds, in whatever order:
// the kubelet's comes out of maps.
func alike(theirs []evictionapi.Threshold, ours headroom.Thresholds) bool {
	if len(theirs) != len(ours) {
		return false
	}
	rest := slices.Clone(ours)
	for _, t := range theirs {
		i := slices.IndexFunc(rest, func(o headroom.Threshold) bool { return same(t, o) })
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return true
}

// same reports whether two thresholds are one. What makes hard hard is the grace.
func same(t evictionapi.Threshold, o headroom.Threshold) bool {
	return string(t.Signal) == string(o.Signal) && t.Operator == evictionapi.OpLessThan &&
		t.GracePeriod == o.Grace && equal(t.Value, o.Value) &&
		(t.MinReclaim == nil) == (o.MinReclaim == nil) &&
		(t.MinReclaim == nil || equal(*t.MinReclaim, *o.MinReclaim))
}

// equal reports whether two values are one to everybody who can tell: of a
// percentage, capacities that show each bit of it; of a quantity, the number of
// bytes that is not below it.
func equal(v evictionapi.ThresholdValue, o headroom.Value) bool {
	if (v.Quantity == nil) != o.IsPercentage() {
		return false
	}
	if v.Quantity != nil {
		return least(*v.Quantity) == o.Of(0)
	}
	for _, capacity := range telling {
		if share(v, capacity) != o.Of(capacity) {
			return false
		}
	}
	return true
}

// Two to the 62nd shows all bits of a percentage that is not below 2⁻³⁹; the
// others are where rounding shows.
var telling = []int64{1 << 62, math.MaxInt64 - 1024, 9007199254740993, 107374182400, 100, 0}

// share returns a percentage of capacity. Beyond int64 it is ours to say what is
// published, for the kubelet's answer is up to the machine: nothing of NaN, all of
// what is too large. What is met is not up to us: see TestPercentageOfCapacity.
func share(v evictionapi.ThresholdValue, capacity int64) int64 {
	switch product := float64(capacity) * float64(v.Percentage); {
	case math.IsNaN(product): // NaN%, and Inf% of 0
		return 0
	case product >= 1<<63:
		return math.MaxInt64
	}
	return evictionapi.GetThresholdQuantity(v, resource.NewQuantity(capacity, resource.BinarySI)).Value()
}

// least returns the smallest whole number that is not below q: whatever is
// available, it is below both or neither.
func least(q resource.Quantity) int64 {
	dec := q.AsDec()
	if dec.Sign() == 0 {
		return 0
	}
	if dec.Scale() < -40 {
		return math.MaxInt64 // by its length alone; to write it out would take for ever
	}
	n := new(big.Int).Set(dec.UnscaledBig())
	ten := new(big.Int)
	if scale := int64(dec.Scale()); scale > 0 {
		n.Add(n, new(big.Int).Sub(ten.Exp(big.NewInt(10), big.NewInt(scale), nil), big.NewInt(1)))
		n.Quo(n, ten)
	} else {
		n.Mul(n, ten.Exp(big.NewInt(10), big.NewInt(-scale), nil))
	}
	if !n.IsInt64() {
		return math.MaxInt64
	}
	return n.Int64()
}
