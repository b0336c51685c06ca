package engine

import (
	"testing"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
)

// What ended without having done anything needs no rest: a node that fills up
// right after a watch is not left alone for a cooldown.
func TestARepeatAfterAWatchActsAsSoonAsTheNodeIsInNeed(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(16 * time.Minute)
		b.want(nodefs, 1, "OverNotNeeded")
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverNotNeeded")
		count(t, b.Metrics.pending, 1)
		b.disk.set(149)
		b.pass(2 * time.Second)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

// A repeat is written down only if it makes a wait longer by something.
func TestARepeatProlongsAWatchOnRecord(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ep, before := b.want(nodefs, 1, "Waitingwatching"), b.load(nodefs).Version
		b.receive(b.alert(nodefs))
		b.pass(time.Second)
		if c := b.load(nodefs); c.Version != before {
			t.Error("a repeat a minute later was written down")
		}
		b.pass(time.Minute)
		b.receive(b.alert(nodefs))
		b.pass(time.Second)
		c := b.load(nodefs)
		if c.Answered != c.Request.ID || !c.Last().Until.Equal(c.Request.Received.Add(b.Policy.Watch)) {
			t.Errorf("watched until %s, was %s", c.Last().Until, ep.Until)
		}
	})
}

func TestAWatchSaysWhatItWaitsForOnce(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}).disk.set(150) // headroom is start, and not below
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		if ep := b.want(nodefs, 1, "Waitingwatching"); ep.Detail != "runs when headroom falls below 5.0%" {
			t.Errorf("detail %q", ep.Detail)
		}
		count(t, b.Metrics.refusals.WithLabelValues("n1", string(nodefs), string(headroom.Watching)), 1)
	})
}

func TestARepeatThatNeedsNothingIsAnsweredAfterTheCooldown(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{120}}).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.receive(b.alert(nodefs))
		b.pass(8 * time.Minute)
		count(t, b.Metrics.pending, 1)
		b.pass(2 * time.Minute)
		count(t, b.Metrics.pending, 0)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		if c := b.load(nodefs); c.Answered != c.Request.ID {
			t.Error("the repeat was never answered")
		}
		b.receive(b.alert(nodefs)) // it fires still: worth a watch
		b.pass(time.Second)
		b.want(nodefs, 2, "Waitingwatching")
	})
}

func TestWhatArrivesDuringARungIsNotLost(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{120, 200}}
		d.dig = func() {
			d.dig = nil
			b.receive(b.alert(nodefs))
		}
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		if c := b.load(nodefs); c.Answered != c.Request.ID {
			t.Error("it was not answered at the end")
		}
		b.disk.set(120)
		b.pass(time.Minute) // the trouble is there again
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

// Another alert of the signal, for which the policy has other remedies, is not
// answered by an episode that did not try them.
func TestAnAlertOfAnotherCaseOfThePolicyGetsItsOwnEpisode(t *testing.T) {
	play(t, func(b *bench) {
		gentle, harsh := &digger{name: "gentle"}, &digger{name: "harsh", pieces: []int64{200}}
		b.on(harsh, gentle).disk.set(140)
		stage, err := labels.NewMatcher(labels.MatchEqual, "stage", "at")
		if err != nil {
			t.Fatal(err)
		}
		p := b.Policy
		ladder := p.Cases[0].Ladder
		p.Cases = []policy.Case{
			{Match: labels.Matchers{stage}, Start: 0.05, Target: 0.15, Ladder: ladder[:1]},
			{Match: p.Cases[0].Match, Start: 0.05, Target: 0.15, Ladder: ladder[1:]},
		}
		gentle.plan = func() {
			at := b.alert(nodefs)
			at.Labels["stage"], at.Fingerprint = "at", "at"
			b.receive(at)
		}
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 2, "Waitingcooldown")
		b.pass(10 * time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "harsh done")
	})
}

// While nothing was begun yet, what the policy has for the newest alert holds.
func TestAnAlertOfAnotherCaseOfThePolicyTakesAWatchOver(t *testing.T) {
	play(t, func(b *bench) {
		early, late := &digger{name: "early", pieces: []int64{200}}, &digger{name: "late", pieces: []int64{200}}
		b.on(late, early).disk.set(180) // headroom 8 %
		stage, err := labels.NewMatcher(labels.MatchEqual, "stage", "at")
		if err != nil {
			t.Fatal(err)
		}
		p := b.Policy
		ladder := p.Cases[0].Ladder
		p.Cases = []policy.Case{
			{Match: labels.Matchers{stage}, Start: 0.10, Target: 0.20, Ladder: ladder[:1]},
			{Match: p.Cases[0].Match, Start: 0.05, Target: 0.15, Ladder: ladder[1:]},
		}
		b.receive(b.alert(nodefs))
		b.pass(5 * time.Minute)
		b.want(nodefs, 1, "Waitingwatching")
		at := b.alert(nodefs)
		at.Labels["stage"], at.Fingerprint = "at", "at"
		b.receive(at)
		b.pass(10 * time.Second)
		ep := b.want(nodefs, 1, "OverSucceeded", "late done")
		if ep.Request.Fingerprint != "at" || ep.Start != 0.10 || ep.Target != 0.20 {
			t.Errorf("it went by %+v, start %v, target %v", ep.Request, ep.Start, ep.Target)
		}
	})
}

func TestARepeatProlongsAWaitForAReading(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(140)
		b.disk.err = errTest
		b.receive(b.alert(nodefs))
		for range 3 {
			b.pass(10 * time.Minute)
			b.receive(b.alert(nodefs))
		}
		b.want(nodefs, 1, "Waitingcannot tell")
		b.disk.err = nil
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

// A watch that goes blind is given a watch's time to see again, and says so.
func TestAWatchThatGoesBlindWaitsAndGoesOn(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(14 * time.Minute)
		b.disk.err = errTest
		b.pass(14 * time.Minute)
		if ep := b.want(nodefs, 1, "Waitingcannot tell"); ep.Detail != errTest.Error() {
			t.Errorf("detail %q", ep.Detail)
		}
		b.disk.err = nil
		b.pass(10 * time.Second)
		if ep := b.want(nodefs, 1, "Waitingwatching"); ep.Detail != "runs when headroom falls below 5.0%" {
			t.Errorf("detail %q", ep.Detail)
		}
		b.disk.set(140)
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

// A filesystem or a kubelet that stops answering between two rungs holds the
// episode; what it has done is on record and it goes on from there.
func TestCannotTellInTheMiddleHoldsAnEpisode(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{name: "one", pieces: []int64{10}}
		d.dig = func() { b.disk.err = errTest }
		b.on(d, &digger{name: "two", pieces: []int64{200}}).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "Waitingcannot tell", "one done")
		count(t, b.Metrics.phases.WithLabelValues("n1", string(nodefs), "waiting"), 1)
		count(t, b.Metrics.refusals.WithLabelValues("n1", string(nodefs), string(headroom.CannotTell)), 1)
		b.disk.err = nil
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "one done", "two done")
	})
}

func TestThePhaseIsTrueWhileARungIsApplied(t *testing.T) {
	play(t, func(b *bench) {
		phase := func(waiting, running float64) {
			t.Helper()
			count(t, b.Metrics.phases.WithLabelValues("n1", string(nodefs), "waiting"), waiting)
			count(t, b.Metrics.phases.WithLabelValues("n1", string(nodefs), "running"), running)
		}
		d := &digger{pieces: []int64{200}, dig: func() { phase(0, 1) }}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		phase(1, 0)
		b.on(d)
		b.pass(time.Second)
		phase(1, 0) // after a restart, too
		b.disk.set(140)
		b.pass(10 * time.Second)
		phase(0, 0)
	})
}

// Two rungs may use one remedy in two ways.
func TestARungIsSkippedForItselfAndNotForItsNamesake(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}, &digger{}, &digger{pieces: []int64{200}}).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig nothing", "dig nothing", "dig done")
	})
}

func TestOfSeveralAlertsOfOneSignalInOneGroupTheLastIsKept(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(140)
		first, last, other := b.alert(nodefs), b.alert(nodefs), b.alert(nodefs)
		last.Fingerprint, other.Labels["node"] = "last", "n2"
		b.receive(other, first, first, last, other)
		b.pass(10 * time.Second)
		if ep := b.want(nodefs, 1, "OverSucceeded", "dig done"); ep.Request.Fingerprint != "last" {
			t.Errorf("it is for %s", ep.Request.Fingerprint)
		}
		count(t, b.Metrics.alerts.WithLabelValues(accepted), 3)
	})
}

// "Resolved" may mean that the exporter died: only the node ends an episode.
func TestHazardControlLoopFalseResolved(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		a := b.alert(nodefs)
		a.Firing = false
		b.receive(a)
		b.pass(time.Minute)
		b.want(nodefs, 1, "Waitingwatching")
		b.disk.set(140)
		b.receive(a)
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		count(t, b.Metrics.alerts.WithLabelValues(resolved), 2)
	})
}
