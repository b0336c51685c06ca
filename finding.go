package headroom

import (
	"math"
	"strconv"
	"strings"
)

// defaultSince has the signals for which a kubelet on Linux has a hard threshold
// by default (pkg/kubelet/eviction/defaults_linux.go), with the minor version
// that brought it; 0 is older than any that is still met.
var defaultSince = []struct {
	signal Signal
	minor  int
}{
	{MemoryAvailable, 0},
	{NodeFSAvailable, 0},
	{NodeFSInodesFree, 0},
	{ImageFSAvailable, 0},
	{ImageFSInodesFree, 30},
}

// omitted looks for defaults that are gone without anybody having said so. Any
// value is something said: "0%" and "100%" switch a threshold off on purpose.
func (s Setup) omitted() (found []Finding) {
	if s.Hard == nil {
		return nil
	}
	minor, known := minorOf(s.Version)
	for _, d := range defaultSince {
		_, said := s.Hard[string(d.signal)]
		if !said && d.minor > 0 {
			if !known {
				continue // a kubelet of before never had it
			}
			said = minor < d.minor
		}
		found = append(found, Finding{ThresholdOmitted, d.signal, !said})
	}
	return found
}

// minorOf returns the 37 of "v1.37.2".
func minorOf(version string) (int, bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(version, "v"), "1.")
	if !ok {
		return 0, false
	}
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		rest = rest[:end]
	}
	minor, err := strconv.Atoi(rest)
	return minor, err == nil
}

// rounding is what two shares of a capacity may differ by and still be meant to
// be the same: percentages of thresholds have 24 bits.
const rounding = 1e-6

// ImageGCMargin returns how far above the hard threshold t, as a share of
// capacity, image garbage collection begins that is set to high percent in use:
// the kubelet collects when 100 − ⌊available·100 ÷ capacity⌋ ≥ high
// (pkg/kubelet/images/image_gc_manager.go). capacity is above 0.
func ImageGCMargin(high int, t Threshold, capacity int64) float64 {
	return float64(101-high)/100 - float64(t.Of(capacity))/float64(capacity)
}

// imageGC compares where images are collected with where pods are evicted, for
// the signals that collecting helps.
func (s Setup) imageGC() (found []Finding) {
	if s.ImageGCHigh == 0 || s.ImageGCHigh >= 100 { // unknown, off
		return nil
	}
	helped := []Signal{ImageFSAvailable}
	if s.OneDisk != nil && *s.OneDisk {
		helped = []Signal{NodeFSAvailable, ImageFSAvailable}
	}
	for _, p := range []Problem{ImageGCTooLate, ImageGCClose} {
		for _, signal := range helped {
			t, ok := s.Effective.Find(signal, Hard)
			if !ok {
				continue
			}
			capacity, ok := s.capacityFor(signal, t.Value)
			if !ok || capacity <= 0 {
				continue
			}
			margin := ImageGCMargin(s.ImageGCHigh, t, capacity)
			tooLate := margin <= rounding
			found = append(found, Finding{p, signal, tooLate == (p == ImageGCTooLate) && margin <= 0.01+rounding})
		}
	}
	return found
}

// soft compares soft thresholds with the hard ones of the same signal.
func (s Setup) soft() (found []Finding) {
	for _, signal := range Signals() {
		soft, ok := s.Effective.Find(signal, Soft)
		if !ok {
			continue
		}
		hard, ok := s.Effective.Find(signal, Hard)
		if !ok {
			found = append(found, Finding{SoftNotAboveHard, signal, false})
			continue
		}
		if capacity, ok := s.capacityFor(signal, soft.Value, hard.Value); ok {
			found = append(found, Finding{SoftNotAboveHard, signal, soft.Of(capacity) <= hard.Of(capacity)})
		}
	}
	return found
}

// capacityFor returns a capacity to compare values of a signal at: any will do
// where all are percentages or none is.
func (s Setup) capacityFor(signal Signal, values ...Value) (int64, bool) {
	const large = 1 << 50 // percentages that differ do so here
	percentages := 0
	for _, v := range values {
		if v.IsPercentage() {
			percentages++
		}
	}
	// One value is compared with a share of the capacity, too.
	if percentages == len(values) || percentages == 0 && len(values) > 1 {
		return large, true
	}
	return s.capacity(signal)
}

// inodes looks at thresholds that are numbers of inodes.
func (s Setup) inodes() (found []Finding) {
	for _, signal := range Signals() {
		capacity, known := s.capacity(signal)
		if signal.Unit() != Inodes || !known {
			continue
		}
		for _, t := range s.Effective {
			if t.Signal == signal && !t.Value.IsPercentage() {
				found = append(found, Finding{InodesNotCounted, signal, capacity <= 0})
				break
			}
		}
	}
	return found
}

// otherDisk is by how much of a filesystem's size the kubelet's view of it may
// be off. The size of one disk does not change between two looks; that of
// another may be close.
const otherDisk = 0.001

// stale looks at the sizes that the kubelet sees.
func (s Setup) stale() (found []Finding) {
	for _, d := range s.Divergences {
		if d.Signal.Filesystem() != "" && d.Signal.Unit() == Bytes {
			found = append(found, Finding{FilesystemStale, d.Signal, math.Abs(d.Capacity) > otherDisk})
		}
	}
	return found
}

// pending compares what the kubelet runs with with what it would. What holds for
// containerfs is a copy.
func (s Setup) pending() (found []Finding) {
	if s.OnDisk == nil {
		return nil
	}
	for _, signal := range Signals() {
		if signal.Filesystem() == ContainerFS {
			continue
		}
		other := !s.Thresholds.sameFor(signal, s.OnDisk.Thresholds)
		switch signal {
		case ImageFSAvailable:
			other = other || s.ImageGCHigh != s.OnDisk.ImageGCHigh || s.ImageGCLow != s.OnDisk.ImageGCLow
		case MemoryAvailable:
			other = other || s.HugePages != s.OnDisk.HugePages
		}
		found = append(found, Finding{RestartPending, signal, other})
	}
	return append(found, Finding{RestartPending, "", s.TransitionPeriod != s.OnDisk.TransitionPeriod})
}

// sameFor reports whether both say the same about a signal, however it is
// written.
func (ts Thresholds) sameFor(s Signal, others Thresholds) bool {
	for _, e := range Evictions {
		a, ok1 := ts.Find(s, e)
		b, ok2 := others.Find(s, e)
		if ok1 != ok2 {
			return false
		}
		if ok1 && !(a.Value.same(b.Value) && a.Grace == b.Grace && sameReclaim(a.MinReclaim, b.MinReclaim)) {
			return false
		}
	}
	return true
}

func sameReclaim(a, b *Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.same(*b)
}

// same reports whether v and w are the same amount of every capacity.
func (v Value) same(w Value) bool {
	if v.quantity == nil || w.quantity == nil {
		return v.quantity == w.quantity && v.percentage == w.percentage
	}
	return v.quantity.Cmp(*w.quantity) == 0
}
