package policy

import (
	"slices"
	"time"
)

// A Window is a time of the week, such as Saturday 02:00 to 06:00 in Berlin.
//
//	Sat 02:00-06:00 Europe/Berlin
//	Mon-Fri 22:00-04:30              past midnight; without a zone it is UTC
//	Sat,Sun 00:00-24:00 UTC
//	daily 03:00-05:00 America/New_York
//
// It begins and ends by the clock on the wall. On the day on which that is set
// forward, a time that does not exist is the moment of the change; on the day on
// which it is set back, a time that exists twice is the first of the two. So a
// window may be longer or shorter than it looks, or on one day of the year not
// there at all, but it is never in two pieces.
type Window struct {
	days     [7]bool // on which it begins, by time.Weekday
	from, to int     // minutes of the day in zone; to is the next day's unless it is more than from
	zone     *time.Location
	text     string // as the policy has it
}

// String is the window as the policy has it.
func (w Window) String() string { return w.text }

// Covers reports whether t is in the window: from its beginning on, and before
// its end.
func (w Window) Covers(t time.Time) bool {
	for day := -2; day <= 1; day++ { // from one that began yesterday; clocks have been set by a whole day
		if begin, end, ok := w.on(t, day); ok && !t.Before(begin) && t.Before(end) {
			return true
		}
	}
	return false
}

// next returns when the window begins for the first time after t.
func (w Window) next(t time.Time) time.Time {
	for day := -2; ; day++ { // a window has a day of the week, and is missing on one at most
		if begin, _, ok := w.on(t, day); ok && begin.After(t) {
			return begin
		}
	}
}

// on returns the window that begins so many days after t's. It is not ok if none
// does, or if the clock leaps over all of it.
func (w Window) on(t time.Time, day int) (begin, end time.Time, ok bool) {
	t = t.In(w.zone)
	year, month, today := t.Date()
	date := time.Date(year, month, today+day, 0, 0, 0, 0, time.UTC)
	if !w.days[date.Weekday()] {
		return begin, end, false
	}
	to := w.to
	if to <= w.from {
		to += minutesOfDay
	}
	begin = onWall(date.Add(time.Duration(w.from)*time.Minute), w.zone)
	end = onWall(date.Add(time.Duration(to)*time.Minute), w.zone)
	return begin, end, begin.Before(end)
}

// onWall returns when the clock on a wall in a zone shows what wall shows in
// UTC: the first time if it does so twice, the moment of the change if never.
// (time.Date gives one of the possible times, and does not say which.)
func onWall(wall time.Time, zone *time.Location) time.Time {
	var first time.Time
	var before time.Time // by the offset that holds before a change
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if before.IsZero() {
			before = t
		}
		if _, is := t.Zone(); is == offset && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if first.IsZero() {
		change, _ := before.ZoneBounds()
		return change
	}
	return first
}

// InWindow reports whether disruptive rungs may run at t.
func (p *Policy) InWindow(t time.Time) bool {
	return len(p.Disruptive) == 0 || slices.ContainsFunc(p.Disruptive, func(w Window) bool { return w.Covers(t) })
}

// NextWindow returns when the first window after t begins; false if disruptive
// rungs may run at any time.
func (p *Policy) NextWindow(t time.Time) (start time.Time, ok bool) {
	for _, w := range p.Disruptive {
		if next := w.next(t); !ok || next.Before(start) {
			start, ok = next, true
		}
	}
	return start, ok
}
