package exporter

import (
	"errors"

	"github.com/nodeheadroom/headroom"
)

// A Verdict is what check finds, and the program's exit status.
type Verdict int

// The verdicts. What is known to be bad counts more than what is unknown.
const (
	Well       Verdict = iota
	Near               // within 5 % of a threshold
	Past               // past a threshold
	CannotTell         // a threshold or a signal is unknown
)

// Error returns v in words. Well is no error; Run returns nil for it.
func (v Verdict) Error() string {
	switch v {
	case Well:
		return "well"
	case Near:
		return "near"
	case Past:
		return "past"
	}
	return "cannot tell"
}

// Status returns the exit status for what Run returned: a Verdict's, and 1 where
// the program could not do what it was told.
func Status(err error) int {
	var v Verdict
	switch {
	case err == nil:
		return int(Well)
	case errors.As(err, &v):
		return int(v)
	}
	return 1
}

// wrong is that the program was called wrongly, so that it cannot tell.
type wrong struct{ error }

func (w wrong) Unwrap() []error { return []error{w.error, CannotTell} }

// near is the share of capacity that is close to a threshold.
const near = 0.05

// verdict judges every threshold in force, hard and soft.
func (v *view) verdict(thresholds headroom.Thresholds) Verdict {
	if v.config == nil {
		return CannotTell
	}
	worst := Well
	for _, t := range thresholds {
		worst = worst.or(v.judge(t))
	}
	return worst
}

// or returns the graver one.
func (v Verdict) or(w Verdict) Verdict {
	gravity := [...]int{Well: 0, CannotTell: 1, Near: 2, Past: 3}
	if gravity[w] > gravity[v] {
		return w
	}
	return v
}

func (v *view) judge(t headroom.Threshold) Verdict {
	r, known := find(v.node.Readings, t.Signal)
	switch {
	case !known && v.unobserved(t.Signal):
		return Well
	case !known:
		return CannotTell
	case t.Met(r):
		return Past
	}
	if share, ok := t.Ratio(r); ok && share < near {
		return Near
	}
	return Well
}

// unobserved reports whether the kubelet, too, has nothing to compare with a
// threshold of s: the pods' memory where their cgroup has no limit, or is not
// known.
func (v *view) unobserved(s headroom.Signal) bool {
	if s != headroom.AllocatableMemoryAvailable {
		return false
	}
	for _, r := range v.node.Readers {
		if r.Name == "allocatable" {
			return r.Err == nil
		}
	}
	return true
}
