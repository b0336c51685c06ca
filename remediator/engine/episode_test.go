package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

func TestRunsBelowStartAndStopsAtTarget(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{120}}
		b.on(d).disk.set(140) // headroom 4 %
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		ep := b.want(nodefs, 1, "OverSucceeded", "dig done")
		r := ep.Rungs[0]
		if r.Removed.Bytes != 120 || r.After.Available-r.Before.Available != 120 || r.Planned.Bytes != 111 { // a thousandth of the disk more
			t.Errorf("planned %d, removed %d, observed %d", r.Planned.Bytes, r.Removed.Bytes, r.After.Available-r.Before.Available)
		}
		if took := r.Ended.Sub(r.Started); took != 0 {
			t.Errorf("it waited %s for what was there", took)
		}
		if ep.Before.Available != 140 || ep.After.Available != 260 {
			t.Errorf("before %d, after %d", ep.Before.Available, ep.After.Available)
		}
		count(t, b.Metrics.bytes.WithLabelValues("n1", string(nodefs), "dig"), 120)
		count(t, b.Metrics.episodes.WithLabelValues("n1", string(nodefs), "Succeeded"), 1)
	})
}

func TestWatchesAPredictionAndRunsWhenStartIsCrossed(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(5 * time.Minute)
		b.want(nodefs, 1, "Waitingwatching")
		b.disk.set(149)
		b.pass(2 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestWatchEndsNotNeeded(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(14 * time.Minute)
		b.receive(b.alert(nodefs)) // renews it
		b.pass(14 * time.Minute)
		b.want(nodefs, 1, "Waitingwatching")
		b.pass(2 * time.Minute)
		b.want(nodefs, 1, "OverNotNeeded")
		if d.applied() != 0 {
			t.Error("it acted above start")
		}
	})
}

func TestTheSameAlertAHundredTimesIsOneEpisode(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{120, 120, 120}}
		b.on(d).disk.set(140)
		for range 100 {
			b.receive(b.alert(nodefs))
			b.pass(100 * time.Millisecond)
		}
		b.pass(time.Hour)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		if d.applied() != 1 {
			t.Errorf("applied %d times", d.applied())
		}
		count(t, b.Metrics.alerts.WithLabelValues(accepted), 100)
	})
}

func TestARepeatActsAgainOnlyAfterCooldownAndOnlyIfTheNodeIsInNeed(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{10}}
		b.on(d).disk.set(130)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverExhausted", "dig done", "dig nothing")
		b.receive(b.alert(nodefs))
		b.pass(8 * time.Minute)
		b.want(nodefs, 1, "OverExhausted", "dig done", "dig nothing")
		d.pieces = []int64{200}
		b.pass(2 * time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

func TestAFillThatGoesOnIsNotWaitedFor(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{120, 200, 200, 200}}).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		for n := range 2 { // attempts bound it
			b.disk.set(120)
			b.pass(time.Minute)
			b.want(nodefs, n+2, "OverSucceeded", "dig done")
		}
		b.disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		if ep := b.held(nodefs, headroom.Cooldown, "at "); ep.Detail != "3 attempts within 1h0m0s" {
			t.Errorf("detail %q", ep.Detail)
		}
	})
}

// What may go later is looked for again soon; what was tried in vain is on record
// once.
func TestWhatWasNotThereIsLookedForAgainSoon(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{}
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(9 * time.Minute)
		first := b.want(nodefs, 1, "OverExhausted", "dig nothing")
		if time.Since(first.Ended) > 3*time.Minute {
			t.Errorf("the last look was at %s", first.Ended)
		}
		d.pieces = []int64{200}
		b.pass(150 * time.Second)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

func TestANewAlertWaitsForCooldown(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{20}}
		b.on(d).disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverExhausted", "dig done", "dig nothing")
		d.pieces = []int64{200}
		b.start = time.Now()
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 2, "Waitingcooldown")
		b.pass(9 * time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

func TestAttemptsAreLimited(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{err: errTest}
		var at []time.Time
		d.dig = func() { at = append(at, time.Now()) }
		b.on(d).disk.set(140)
		for range 5 {
			b.start = time.Now()
			b.receive(b.alert(nodefs))
			b.pass(11 * time.Minute)
		}
		ep := b.held(nodefs, headroom.Cooldown, "at ")
		if ep.Detail != "3 attempts within 1h0m0s" {
			t.Errorf("detail %q", ep.Detail)
		}
		b.pass(time.Hour)
		if len(at) < 5 {
			t.Errorf("applied %d times in two hours", len(at))
		}
		for i := 3; i < len(at); i++ {
			if at[i].Sub(at[i-3]) < time.Hour {
				t.Errorf("applied at %s, for the fourth time since %s", at[i], at[i-3])
			}
		}
	})
}

func TestDryRunPlansTheWholeLadderAndAppliesNothing(t *testing.T) {
	play(t, func(b *bench) {
		one, two := &digger{name: "one", pieces: []int64{500}}, &digger{name: "two", pieces: []int64{500}}
		b.on(one, two).disk.set(140)
		b.DryRun = true
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverPlanned", "one planned", "two planned")
		if one.applied()+two.applied() != 0 {
			t.Error("a dry run applied something")
		}
	})
}

func TestClimbsTheLadder(t *testing.T) {
	cases := map[string]struct {
		ladder []*digger
		state  string
		rungs  []string
	}{
		"the next rung is for what the first leaves missing": {
			[]*digger{{name: "one", pieces: []int64{50}}, {name: "two", pieces: []int64{100}}, {name: "three", pieces: []int64{100}}},
			"OverSucceeded", []string{"one done", "two done"},
		},
		"exactly the target is enough": {
			[]*digger{{name: "one", pieces: []int64{110, 10}}},
			"OverSucceeded", []string{"one done"},
		},
		"a ladder that helps is climbed again": {
			[]*digger{{name: "one", pieces: []int64{50, 100}}},
			"OverSucceeded", []string{"one done", "one done"},
		},
		"as long as it helps": {
			[]*digger{{name: "one", pieces: []int64{1, 1, 1, 1}}},
			"OverExhausted", []string{"one done", "one done", "one done", "one done", "one nothing"},
		},
		"ten times at the most": {
			[]*digger{{name: "one", pieces: []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}},
			"OverExhausted", slices.Repeat([]string{"one done"}, 10),
		},
		"a remedy that removed nothing twice is skipped": {
			[]*digger{{name: "one"}, {name: "two", pieces: []int64{1, 1, 1}}},
			"OverExhausted", []string{"one nothing", "two done", "one nothing", "two done", "one skipped", "two done", "one skipped", "two nothing"},
		},
		"what is claimed and not observed is no success": {
			[]*digger{{name: "one", claims: 1000}},
			"OverExhausted", []string{"one done", "one done", "one done"},
		},
		"a failing rung does not end the ladder": {
			[]*digger{{name: "one", err: errTest}, {name: "two", planErr: errTest}, {name: "three", pieces: []int64{200}}},
			"OverSucceeded", []string{"one failed", "two failed", "three done"},
		},
		"nothing that could be tried is a failure": {
			[]*digger{{name: "one", err: errTest}}, "OverFailed", []string{"one failed"},
		},
		"nothing to do is not": {
			[]*digger{{name: "one"}}, "OverExhausted", []string{"one nothing"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *bench) {
				b.on(c.ladder...).disk.set(140)
				b.receive(b.alert(nodefs))
				b.pass(time.Minute)
				b.want(nodefs, 1, c.state, c.rungs...)
			})
		})
	}
}

func TestWhatIsClaimedIsWaitedForUntilTheTargetOrTwoSeconds(t *testing.T) {
	cases := map[string]struct {
		claims int64
		pieces []int64
		state  string
		rungs  []string
		took   time.Duration
	}{
		"it never comes back":                              {200, nil, "OverExhausted", []string{"dig done", "dig done", "dig done"}, 2 * time.Second},
		"what came back is less, others write, but enough": {0, []int64{200}, "OverSucceeded", []string{"dig done"}, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *bench) {
				d := &digger{claims: c.claims, pieces: c.pieces}
				d.dig = func() {
					if c.claims == 0 {
						b.disk.set(100) // 40 written meanwhile
					}
				}
				b.on(d).disk.set(140)
				b.receive(b.alert(nodefs))
				b.pass(time.Minute)
				ep := b.want(nodefs, 1, c.state, c.rungs...)
				if took := ep.Rungs[0].Ended.Sub(ep.Rungs[0].Started); took != c.took {
					t.Errorf("it took %s, want %s", took, c.took)
				}
			})
		})
	}
}

func TestTimesAreToldOncePerEpisode(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{10, 200}}
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ep := b.want(nodefs, 1, "OverSucceeded", "dig done", "dig done")
		if ep.Rungs[0].FirstFreed.IsZero() || ep.Rungs[1].FirstFreed.IsZero() {
			t.Errorf("first freed at %s and %s", ep.Rungs[0].FirstFreed, ep.Rungs[1].FirstFreed)
		}
		if n := observations(t, b.Metrics.firstFreed); n != 1 {
			t.Errorf("the time to the first freed byte was told %d times", n)
		}
		if n := observations(t, b.Metrics.targetReached); n != 1 {
			t.Errorf("the time to the target was told %d times", n)
		}
	})
}

func TestWhatFailedSaysWhyAndRemovedNothing(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{name: "one", err: errTest}, &digger{name: "two", planErr: errTest}).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ep := b.want(nodefs, 1, "OverFailed", "one failed", "two failed")
		for i, want := range []string{"out of order", "plan: out of order"} {
			if r := ep.Rungs[i]; r.Error != want || r.Removed == nil || *r.Removed != (headroom.Amount{}) {
				t.Errorf("%q, removed %+v", r.Error, r.Removed)
			}
		}
	})
}

func TestSpaceThatComesBackLateCounts(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{claims: 200}
		d.dig = func() { b.disk.late = []int64{0, 0, 0, 100, 100} }
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ep := b.want(nodefs, 1, "OverSucceeded", "dig done")
		if got := ep.Rungs[0].After.Available; got != 340 {
			t.Errorf("observed %d after the rung, want 340", got)
		}
	})
}

func TestSpaceThatComesBackLateCountsThoughNobodySaysHowMuchItIs(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{claims: 200, unsaid: true}
		d.dig = func() { b.disk.late = []int64{0, 0, 200} }
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ep := b.want(nodefs, 1, "OverSucceeded", "dig done")
		if r := ep.Rungs[0]; r.After.Available != 340 || r.Removed.Bytes != 0 {
			t.Errorf("observed %d after the rung, removed %+v", r.After.Available, r.Removed)
		}
	})
}

func TestNothingIsWaitedForWhereNothingWasRemoved(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{err: errTest}).disk.set(140)
		b.disk.read = func() { b.disk.available-- } // somebody writes
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		if r := b.want(nodefs, 1, "OverFailed", "dig failed").Rungs[0]; r.Ended != r.Started || r.After == nil {
			t.Errorf("it took %s, after it %+v", r.Ended.Sub(r.Started), r.After)
		}
	})
}

func TestTargetLiesAboveTheFloor(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{120, 200}}).disk.set(140)
		b.disk.floor = 0.20
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		if ep := b.want(nodefs, 1, "OverSucceeded", "dig done", "dig done"); ep.Target != b.disk.floor+margin {
			t.Errorf("target %v, want a point above the floor", ep.Target)
		}
	})
}

func TestSignalsOfOneDiskAreOnePieceOfWork(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(140)
		hold := make(chan struct{})
		d.hold = hold
		b.receive(b.alert(nodefs), b.alert(imagefs))
		go func() { time.Sleep(5 * time.Second); close(hold) }()
		b.pass(time.Second) // while the rung is held
		b.want(nodefs, 1, "Waitingshared disk")
		b.pass(30 * time.Second)
		b.want(imagefs, 1, "OverSucceeded", "dig interrupted", "dig done")
		b.want(nodefs, 1, "OverNotNeeded")
		if d.applied() != 2 {
			t.Errorf("applied %d times", d.applied())
		}
	})
}

func TestSignalsThatShareNoRoomDoNotWaitForEachOther(t *testing.T) {
	for sentence, tc := range map[string]struct {
		other headroom.Signal
		disks map[headroom.Signal]node.Disk
	}{
		"two roles on two disks":             {imagefs, map[headroom.Signal]node.Disk{imagefs: {Major: 8, Minor: 2}}},
		"bytes and inodes of one disk":       {headroom.NodeFSInodesFree, nil},
		"inodes of a disk, bytes of another": {headroom.ImageFSInodesFree, map[headroom.Signal]node.Disk{headroom.ImageFSInodesFree: {Major: 8, Minor: 2}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				d := &digger{pieces: []int64{20, 20, 500}, hold: make(chan struct{})}
				b.on(d).disk.set(140)
				b.Policy.Cases[0].Match = nil
				b.disk.disks = tc.disks
				b.receive(b.alert(nodefs), b.alert(tc.other))
				b.pass(time.Second) // while a rung is held
				running := 0
				for _, signal := range []headroom.Signal{nodefs, tc.other} {
					c := b.load(signal)
					ep := c.Open()
					if ep == nil || ep.Reason == headroom.SharedDisk {
						t.Fatalf("%s: %+v", signal, ep)
					}
					if ep.Phase == headroom.Running {
						running++
					}
				}
				if running != 1 {
					t.Errorf("%d rungs run at once", running)
				}
				close(d.hold)
				b.pass(10 * time.Second)
				b.disk.set(140) // the other's turn
				b.pass(10 * time.Second)
				for _, signal := range []headroom.Signal{nodefs, tc.other} {
					if c := b.load(signal); len(c.Episodes[0].Rungs) == 0 {
						t.Errorf("%s: %+v", signal, c.Episodes)
					}
				}
			})
		})
	}
}

func TestCannotTellDoesNotAct(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(140)
		b.disk.err = errTest
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "Waitingcannot tell")
		b.pass(time.Hour)
		b.want(nodefs, 1, "OverExpired")
		if d.applied() != 0 {
			t.Error("it acted blindly")
		}
	})
}

func TestTheOldestEpisodesGo(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{err: errTest, claims: 1}
		b.on(d).disk.set(140)
		b.Policy.Recheck = 0 // one episode an alert
		b.Policy.Cooldown, b.Policy.Attempts.Per = time.Second, time.Second
		for range headroom.MaxEpisodes + 3 {
			b.start = time.Now()
			b.receive(b.alert(nodefs))
			b.pass(time.Minute)
		}
		if n := len(b.load(nodefs).Episodes); n != headroom.MaxEpisodes {
			t.Errorf("%d episodes are kept", n)
		}
		if n := len(b.load(nodefs).Attempts); n != headroom.MaxEpisodes {
			t.Errorf("%d attempts are kept", n)
		}
	})
}

func TestAPlanThatTakesTooLongIsAFailedRung(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{name: "slow", ponder: true}, &digger{name: "quick", pieces: []int64{200}}).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(3 * time.Minute)
		ep := b.want(nodefs, 1, "OverSucceeded", "slow failed", "quick done")
		if !strings.Contains(ep.Rungs[0].Error, "it took longer than 2m0s") {
			t.Errorf("error %q", ep.Rungs[0].Error)
		}
	})
}

// What filled the disk may go on, and its alert is delivered again only after
// minutes.
func TestAFillThatGoesOnIsMetAtOnce(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200, 200}}).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(5 * time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		b.disk.set(140)
		b.pass(2 * time.Second)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

// An episode that did not get to its target and yet brought headroom above start has
// bought time. Below start again, the case has met with something new.
func TestWhatBroughtHeadroomAboveStartIsNotFollowedByARest(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{80}}).disk.set(120) // 20 % are not the target's 25
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverExhausted", "dig done", "dig nothing")
		b.disk.set(120)
		b.pass(10 * time.Second)
		b.want(nodefs, 2, "OverExhausted", "dig nothing")
	})
}
