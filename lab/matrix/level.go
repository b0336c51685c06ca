package main

import "time"

// rate is the pace of the fill, in units a second: from its beginning to where the
// remediator may act, or to the lowest point if it never came so far; there nobody
// has made room yet.
func (w *watch) rate() float64 {
	if len(w.samples) == 0 {
		return 0
	}
	first, to := w.samples[0], w.samples[0]
	for _, s := range w.samples {
		if s.available < to.available {
			to = s
		}
		if w.ratio(s.available) < w.start {
			to = s
			break
		}
	}
	if to.at <= first.at {
		return 0
	}
	return float64(first.available-to.available) / (to.at - first.at).Seconds()
}

// least is the lowest headroom ratio.
func (w *watch) least() float64 {
	least := 1.0
	for _, s := range w.samples {
		least = min(least, w.ratio(s.available))
	}
	return least
}

// room is how long after the alert headroom was back above start: 0 if it never was
// below, nil if it did not come back.
func (w *watch) room(alert time.Duration) *float64 {
	below, room := false, 0.0
	for _, s := range w.samples {
		switch under := w.ratio(s.available) < w.start; {
		case under:
			below = true
		case below:
			room = round(max(s.at-alert, 0))
			return &room
		}
	}
	if below {
		return nil
	}
	return &room
}
