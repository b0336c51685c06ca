package main

import (
	"cmp"
	"slices"
)

// plays is how often each row is played, without the remediator and with it.
const plays = 3

// worst is the play of a row that went worst, and it alone is shown: no number in
// its line comes from another. Of lost bystanders, DiskPressure, a lost offender,
// room that never came, seconds to room, and harm the first that differs decides.
func worst(of []result) result {
	return slices.MaxFunc(of, func(a, b result) int {
		return cmp.Or(
			cmp.Compare(len(a.Lost), len(b.Lost)),
			compare(a.Pressure, b.Pressure),
			cmp.Compare(len(a.Offender), len(b.Offender)),
			compare(a.Room == nil, b.Room == nil),
			cmp.Compare(seconds(a.Room), seconds(b.Room)),
			cmp.Compare(a.Harm.Pulls, b.Harm.Pulls),
			cmp.Compare(a.Harm.Bystanders, b.Harm.Bystanders),
			cmp.Compare(a.Harm.Offender, b.Harm.Offender),
			cmp.Compare(-a.Least, -b.Least),
		)
	})
}

// compare puts true behind false.
func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func seconds(s *float64) float64 {
	if s == nil {
		return 0
	}
	return *s
}
