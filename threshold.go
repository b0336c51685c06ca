package headroom

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// An Eviction says how a threshold acts: hard at once, soft after a grace
// period.
type Eviction string

// The two kinds of threshold.
const (
	Hard Eviction = "hard"
	Soft Eviction = "soft"
)

// Evictions lists both kinds.
var Evictions = []Eviction{Hard, Soft}

// A Threshold is the value under which the kubelet acts on a signal. That a
// signal has no threshold is said by leaving it out: a threshold of 0 is
// something else (it is there, and never met).
type Threshold struct {
	Signal   Signal
	Eviction Eviction // the list it was configured in
	Value    Value
	// Grace is how long a soft threshold must have been met before pods are
	// evicted. The kubelet takes a soft threshold with no grace for a hard one.
	Grace time.Duration
	// MinReclaim is how far above the threshold the kubelet goes on reclaiming,
	// or nil.
	MinReclaim *Value
}

// Of returns the threshold in the signal's unit for a capacity; see Value.Of.
func (t Threshold) Of(capacity int64) int64 { return t.Value.Of(capacity) }

// Met reports whether the kubelet would say that r has crossed t: available is
// strictly less than the threshold. Soft thresholds are met before their grace
// has passed: the node condition does not wait for it.
func (t Threshold) Met(r Reading) bool { return t.Value.above(r.Available, r.Capacity) }

// Headroom returns available − threshold in the signal's unit.
func (t Threshold) Headroom(r Reading) int64 {
	at := t.Of(r.Capacity)
	room := r.Available - at
	// Saturate: a quantity near 16Ei against a negative available wraps.
	if at > 0 && room > r.Available {
		return math.MinInt64
	}
	return room
}

// Ratio returns the headroom as a share of capacity, the number that compares
// across signals. ok is false where capacity is 0 (a filesystem that does not
// count inodes): there is no share of nothing.
func (t Threshold) Ratio(r Reading) (ratio float64, ok bool) {
	if r.Capacity <= 0 { // a filesystem that says 2⁶⁴ − 1 arrives as −1
		return 0, false
	}
	return float64(t.Headroom(r)) / float64(r.Capacity), true
}

// actsAtOnce is the kubelet's own test for a hard threshold.
func (t Threshold) actsAtOnce() bool { return t.Grace == 0 }

// Thresholds are the thresholds a kubelet runs with: hard before soft, each in
// the order of Signals, then the copies that the kubelet adds itself.
type Thresholds []Threshold

// Find returns the threshold of a signal and kind, if there is one.
func (ts Thresholds) Find(s Signal, e Eviction) (Threshold, bool) {
	for _, t := range ts {
		if t.Signal == s && t.Eviction == e {
			return t, true
		}
	}
	return Threshold{}, false
}

// FindAt returns the threshold of a signal and kind that is met first at a
// capacity, if there is one. There are two where the configuration names one that
// the kubelet then copies from another signal as well, and both act.
func (ts Thresholds) FindAt(s Signal, e Eviction, capacity int64) (Threshold, bool) {
	highest, ok := ts.Find(s, e)
	for _, t := range ts {
		if t.Signal == s && t.Eviction == e && t.Of(capacity) > highest.Of(capacity) {
			highest = t
		}
	}
	return highest, ok
}

// EvictionConfig is the part of a KubeletConfiguration that decides about
// eviction, keyed by signal and unparsed.
type EvictionConfig struct {
	Hard            map[string]string // evictionHard
	Soft            map[string]string // evictionSoft
	SoftGracePeriod map[string]string // evictionSoftGracePeriod
	MinimumReclaim  map[string]string // evictionMinimumReclaim
	// EnforcePods says that enforceNodeAllocatable contains "pods" (the
	// default): memory.available's thresholds then hold for the pods' cgroup,
	// too.
	EnforcePods bool
}

// Thresholds parses c as the kubelet does when it starts
// (ParseThresholdConfig in pkg/kubelet/eviction/helpers.go) and refuses what
// the kubelet refuses; an error names the field, the signal and the value. The
// thresholds of containerfs are not the configuration's to set: see
// Thresholds.WithContainerFS.
func (c EvictionConfig) Thresholds() (Thresholds, error) {
	hard, err := parseThresholds("evictionHard", c.Hard, Hard)
	if err != nil {
		return nil, err
	}
	soft, err := parseThresholds("evictionSoft", c.Soft, Soft)
	if err != nil {
		return nil, err
	}
	grace, err := parseGracePeriods(c.SoftGracePeriod)
	if err != nil {
		return nil, err
	}
	reclaim, err := parseMinimumReclaims(c.MinimumReclaim)
	if err != nil {
		return nil, err
	}
	for i, t := range soft {
		period, ok := grace[t.Signal]
		if !ok {
			return nil, fmt.Errorf("evictionSoftGracePeriod: %s has a soft threshold (%s) and needs a grace period", t.Signal, t.Value)
		}
		soft[i].Grace = period
	}
	all := append(hard, soft...)
	for i, t := range all {
		if v, ok := reclaim[t.Signal]; ok {
			all[i].MinReclaim = &v
		}
	}
	if c.EnforcePods {
		for _, t := range all {
			if t.Signal == MemoryAvailable && t.actsAtOnce() {
				t.Signal = AllocatableMemoryAvailable
				all = append(all, t)
			}
		}
	}
	return all, nil
}

// WithContainerFS returns ts with the thresholds of containerfs that the
// kubelet gives itself in place of those configured for it: copies of imagefs's
// where images have a disk of their own (dedicated) and containers share it,
// copies of nodefs's on one disk or where images and containers are apart
// (dedicated and split); none where they are apart without imagefs being
// dedicated. From UpdateContainerFsThresholds in
// pkg/kubelet/eviction/helpers.go.
func (ts Thresholds) WithContainerFS(dedicated, split bool) Thresholds {
	if split && !dedicated {
		return ts
	}
	bytes, inodes := NodeFSAvailable, NodeFSInodesFree
	if dedicated && !split {
		bytes, inodes = ImageFSAvailable, ImageFSInodesFree
	}
	with := slices.Clone(ts)
	for _, e := range Evictions {
		for _, copied := range []struct{ from, to Signal }{{bytes, ContainerFSAvailable}, {inodes, ContainerFSInodesFree}} {
			// One gives way, whether or not there is one to copy.
			if i := with.last(copied.to, e); i >= 0 {
				with = slices.Delete(with, i, i+1)
			}
			if i := ts.last(copied.from, e); i >= 0 {
				t := ts[i]
				t.Signal, t.Eviction = copied.to, e
				with = append(with, t)
			}
		}
	}
	return with
}

// last returns where the last threshold of s is that acts as e, or -1. The
// kubelet counts the last one: a soft threshold without grace stands behind the
// hard one and is taken for it, while the hard one stays in force.
func (ts Thresholds) last(s Signal, e Eviction) int {
	for i := len(ts) - 1; i >= 0; i-- {
		if ts[i].Signal == s && ts[i].actsAtOnce() == (e == Hard) {
			return i
		}
	}
	return -1
}

func parseThresholds(field string, statements map[string]string, e Eviction) (Thresholds, error) {
	var ts Thresholds
	err := eachStatement(field, statements, func(s Signal, raw string) error {
		// Exactly these two switch a threshold off; "0.0%" is a threshold of
		// nothing and "100.0%" one of everything.
		if raw == "0%" || raw == "100%" {
			return nil
		}
		v, err := parseValue(raw)
		switch {
		case err != nil:
			return err
		case v.IsPercentage() && v.percentage < 0:
			return fmt.Errorf("%q is below 0%%", raw)
		case v.IsPercentage() && v.percentage > 1:
			return fmt.Errorf("%q is above 100%%", raw)
		case !v.IsPercentage() && v.quantity.Sign() <= 0:
			return fmt.Errorf("%q is not above 0 (0%% switches a threshold off)", raw)
		}
		ts = append(ts, Threshold{Signal: s, Eviction: e, Value: v})
		return nil
	})
	return ts, err
}

func parseGracePeriods(statements map[string]string) (map[Signal]time.Duration, error) {
	periods := make(map[Signal]time.Duration)
	err := eachStatement("evictionSoftGracePeriod", statements, func(s Signal, raw string) error {
		d, err := time.ParseDuration(raw)
		switch {
		case err != nil:
			return fmt.Errorf("%q is not a duration such as 1m30s", raw)
		case d < 0:
			return fmt.Errorf("%q is negative", raw)
		}
		periods[s] = d
		return nil
	})
	return periods, err
}

func parseMinimumReclaims(statements map[string]string) (map[Signal]Value, error) {
	reclaims := make(map[Signal]Value)
	err := eachStatement("evictionMinimumReclaim", statements, func(s Signal, raw string) error {
		v, err := parseValue(raw)
		switch {
		case err != nil:
			return err
		case v.IsPercentage() && v.percentage <= 0:
			return fmt.Errorf("%q is not above 0%%", raw)
		case !v.IsPercentage() && v.quantity.Sign() < 0:
			return fmt.Errorf("%q is negative", raw)
		}
		reclaims[s] = v
		return nil
	})
	return reclaims, err
}

// eachStatement calls parse for every statement, in the order of Signals so
// that results and errors do not depend on a map's, and puts field and signal
// in front of its error. A name that is no signal is an error, too.
func eachStatement(field string, statements map[string]string, parse func(Signal, string) error) error {
	known := 0
	for _, s := range Signals() {
		raw, ok := statements[string(s)]
		if !ok {
			continue
		}
		known++
		if err := parse(s, raw); err != nil {
			return fmt.Errorf("%s: %s: %w", field, s, err)
		}
	}
	if known == len(statements) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(statements)) {
		if _, err := ParseSignal(name); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	return nil
}
