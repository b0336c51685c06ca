package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A moment is something that must happen.
type moment string

// The moments of the show. All but crossed come in this order: the alert may
// predict, and then the remediator watches until start is crossed.
const (
	measured  moment = "measured"       // thresholds and levels are in Prometheus
	pending   moment = "alert pending"  //
	firing    moment = "alert firing"   //
	delivered moment = "delivered"      // the remediator has made it durable
	crossed   moment = "start crossed"  // of the policy, read from the disk
	freed     moment = "first freed"    // the first byte
	climbed   moment = "rung done"      // the remedy has ended, and the disk was read again
	restored  moment = "restored"       // headroom is at the target, read from the disk
	resolved  moment = "alert resolved" // Alertmanager has it no more
)

var moments = []moment{measured, pending, firing, delivered, crossed, freed, climbed, restored, resolved}

// meaning is for the table, and for whoever misses a moment.
var meaning = map[moment]string{
	measured:  "Prometheus has scraped the exporter",
	pending:   "the shipped rule holds",
	firing:    "Prometheus has told Alertmanager",
	delivered: "durable at the remediator, answered 202",
	crossed:   "headroom below the policy's start",
	freed:     "the first byte is free again",
	climbed:   "the rung has ended and was verified",
	restored:  "headroom at the target, by statfs",
	resolved:  "gone from Alertmanager",
}

// hints say why the longest waits are long.
var hints = map[moment]string{
	pending:  "the rule trusts a trend only after a while",
	resolved: "the rule keeps firing for another minute",
}

var colours = map[moment]colour{
	pending: yellow, firing: red, delivered: cyan, crossed: red, freed: cyan, climbed: cyan, restored: green, resolved: green,
}

// settling is how long a line waits for those that were found out later but
// happened before it.
const settling = 800 * time.Millisecond

// A timeline keeps when each moment first happened, and shows it. It is safe for
// concurrent use.
type timeline struct {
	screen *screen
	began  time.Time

	mu       sync.Mutex
	happened map[moment]time.Time
	waiting  []entry       // not shown yet
	all      chan struct{} // closed when every moment has happened
}

// An entry is a line of the show.
type entry struct {
	at         time.Time
	colour     colour
	what, text string
}

func newTimeline(s *screen, began time.Time) *timeline {
	return &timeline{screen: s, began: began, happened: make(map[moment]time.Time), all: make(chan struct{})}
}

// happen records that m happened; only the first time counts.
func (t *timeline) happen(m moment, at time.Time, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, already := t.happened[m]; already {
		return
	}
	t.happened[m] = at
	t.waiting = append(t.waiting, entry{at, colours[m], string(m), fmt.Sprintf(format, args...)})
	if len(t.happened) == len(moments) {
		close(t.all)
	}
}

// date corrects when m happened: who did it knows better than who saw it.
func (t *timeline) date(m moment, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, has := t.happened[m]; has {
		t.happened[m] = at
	}
}

// note shows something that is no moment of its own.
func (t *timeline) note(at time.Time, what, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = append(t.waiting, entry{at, dim, what, strings.TrimSpace(fmt.Sprintf(format, args...))})
}

// flush shows, in their order, the lines of what happened before until.
func (t *timeline) flush(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortStableFunc(t.waiting, func(a, b entry) int { return a.at.Compare(b.at) })
	for len(t.waiting) > 0 && t.waiting[0].at.Before(until) {
		e := t.waiting[0]
		t.waiting = t.waiting[1:]
		t.screen.event(e.at.Sub(t.began), e.colour, e.what, e.text)
	}
}

// has reports whether m has happened.
func (t *timeline) has(m moment) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, has := t.happened[m]
	return has
}

// missing lists the moments that have not happened.
func (t *timeline) missing() []moment {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(moments), func(m moment) bool {
		_, has := t.happened[m]
		return has
	})
}

// awaits says what the show waits for.
func (t *timeline) awaits() string {
	missing := t.missing()
	if len(missing) == 0 {
		return ""
	}
	why, ok := hints[missing[0]]
	if !ok {
		why = meaning[missing[0]]
	}
	return "waiting for: " + string(missing[0]) + " — " + why
}

// table lists the moments in the order in which they happened, in seconds.
func (t *timeline) table() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	order := slices.Clone(moments)
	slices.SortStableFunc(order, func(a, b moment) int {
		at, aHas := t.happened[a]
		bt, bHas := t.happened[b]
		if !aHas || !bHas {
			return 0
		}
		return at.Compare(bt)
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s %9s %9s\n", "moment", "at", "after")
	last := t.began
	for _, m := range order {
		at, has := t.happened[m]
		if !has {
			fmt.Fprintf(&b, "%-16s %9s %9s   %s\n", m, "never", "", meaning[m])
			continue
		}
		fmt.Fprintf(&b, "%-16s %7.2f s %7.2f s   %s\n", m, at.Sub(t.began).Seconds(), at.Sub(last).Seconds(), meaning[m])
		last = at
	}
	return b.String()
}
