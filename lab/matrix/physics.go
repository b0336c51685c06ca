package main

import "time"

// answers is how long the remediator takes from an alert's delivery to the first freed
// byte: it looks once a second, and what it frees first takes milliseconds.
const answers = 2 * time.Second

// notice is how long it takes, at worst, from a disk's beginning to fill to the
// first freed byte: nothing is known before a scrape, nothing follows from that
// before the rules are evaluated, the alert must hold and be sent, and then somebody
// must act.
func (s shipped) notice() time.Duration {
	return s.scrape + s.evaluate + s.holds + s.group + answers
}

// fastest is the fastest fill that can be met, in units a second, where so many
// units lie between its beginning and the threshold.
func (s shipped) fastest(between int64) float64 {
	return float64(between) / s.notice().Seconds()
}

// forbidden reports whether no part could have been in time: the fill that was
// measured was faster than the fastest that can be met. It must be said of nothing
// else.
func (r *result) forbidden() bool { return r.Rate > r.Fastest }
