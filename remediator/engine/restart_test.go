package engine

import (
	"context"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// restart makes the engine anew under another policy.
func (b *bench) restart(hash string, ladder ...*digger) {
	b.t.Helper()
	b.on(ladder...)
	b.Policy.Hash = hash
}

func TestWhatAnEpisodeOfAnotherPolicyLeftOpenBeginsAnewByItself(t *testing.T) {
	for name, again := range map[string]bool{"nobody asks again": false, "the alert is delivered again": true} {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *bench) {
				d := &digger{pieces: []int64{200}}
				b.on(d).disk.set(400)
				b.receive(b.alert(nodefs))
				b.pass(10 * time.Minute)
				b.want(nodefs, 1, "Waitingwatching")
				b.restart("another", d)
				if again {
					b.receive(b.alert(nodefs))
				}
				b.pass(10 * time.Second)
				ep := b.want(nodefs, 2, "Waitingwatching")
				if ep.Policy != "another" {
					t.Errorf("it goes by policy %s", ep.Policy)
				}
				b.disk.set(140)
				b.pass(10 * time.Second)
				b.want(nodefs, 2, "OverSucceeded", "dig done")
			})
		})
	}
}

func TestAPolicyThatHasNoCaseForItAnyMoreEndsAnEpisode(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.restart("another", d)
		b.Policy.Cases = nil
		b.disk.set(140)
		b.pass(time.Hour)
		b.want(nodefs, 1, "OverFailed")
		count(t, b.Metrics.pending, 0)
	})
}

func TestAnAnswerThatCannotBeWrittenDownIsTriedAgain(t *testing.T) {
	play(t, func(b *bench) {
		b.on()
		b.receive(b.alert(nodefs))
		b.Policy.Cases = nil
		b.store.refuseSaves.Store(5)
		b.pass(20 * time.Second)
		count(t, b.Metrics.pending, 0)
		if c := b.load(nodefs); c.Answered != c.Request.ID {
			t.Error("it was given up")
		}
	})
}

func TestSwitchingDryRunEndsAnEpisodeAndBeginsItAnew(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.DryRun = true
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.on(d)
		b.disk.set(140)
		b.pass(10 * time.Second)
		if ep := b.want(nodefs, 2, "OverSucceeded", "dig done"); ep.DryRun {
			t.Error("an episode that acted says that it was a dry run")
		}
		if first := b.load(nodefs).Episodes[0]; len(first.Rungs) != 0 || !first.DryRun {
			t.Errorf("the dry run became %+v", first)
		}
	})
}

func TestDryRunsDoNotHoldUpWhatIsMeant(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		for range 4 {
			b.on(d).disk.set(140)
			b.DryRun = true
			b.Policy.Recheck = 0 // one episode an alert
			b.start = time.Now()
			b.receive(b.alert(nodefs))
			b.pass(11 * time.Minute)
		}
		b.want(nodefs, 4, "OverPlanned", "dig planned")
		b.on(d)
		b.pass(10 * time.Second)
		b.want(nodefs, 5, "OverSucceeded", "dig done")
	})
}

func TestADryRunThatJustEndedDoesNotHoldUpWhatIsMeant(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(140)
		b.DryRun = true
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.start = time.Now()
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 2, "Waitingcooldown") // among themselves they do as if
		b.on(d)
		b.pass(10 * time.Second)
		b.want(nodefs, 3, "OverSucceeded", "dig done")
	})
}

func TestStoppedWhilePlanningIsPlannedAgain(t *testing.T) {
	play(t, func(b *bench) {
		ctx, stop := context.WithCancel(context.Background())
		one := &digger{name: "one", pieces: []int64{200}, planErr: context.Canceled, plan: stop}
		two := &digger{name: "two", pieces: []int64{200}}
		b.on(one, two).disk.set(140)
		b.receive(b.alert(nodefs))
		b.Run(ctx)
		one.planErr, one.plan = nil, nil
		b.on(one, two)
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "one done")
	})
}

func TestStoppingSaysNothingAboutTheNode(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ctx, stop := context.WithCancel(context.Background())
		b.disk.err, b.disk.read = context.Canceled, stop
		b.Run(ctx)
		b.want(nodefs, 1, "Waitingwatching")
	})
}

func TestDoneIsDoneWhenToldToStopMeanwhile(t *testing.T) {
	play(t, func(b *bench) {
		ctx, stop := context.WithCancel(context.Background())
		d := &digger{pieces: []int64{200}, dig: stop}
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.Run(ctx)
		d.dig = nil
		b.on(d)
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		if d.applied() != 1 {
			t.Errorf("applied %d times", d.applied())
		}
	})
}

// A clock that was years ahead when an episode ended must not silence its case
// until then.
func TestAClockThatWasSetBackDelaysByTwoRestsAtMost(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{120, 200}}
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		c := b.load(nodefs)
		c.Last().Started, c.Last().Ended = time.Now().AddDate(10, 0, 0), time.Now().AddDate(10, 0, 0)
		c.Attempts = []time.Time{c.Last().Started, c.Last().Started, c.Last().Started}
		if err := b.store.Save(b.t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		b.disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

func TestAttemptsAreLimitedWhereThePolicyCountsMany(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{err: errTest}
		b.on(d).disk.set(140)
		b.Policy.Attempts.Count, b.Policy.Attempts.Per, b.Policy.Cooldown = 12, 24*time.Hour, time.Second
		for range 14 {
			b.start = time.Now()
			b.receive(b.alert(nodefs))
			b.pass(time.Minute)
		}
		b.held(nodefs, headroom.Cooldown, "at ")
		if got := d.applied(); got != 12 {
			t.Errorf("applied %d times, want 12", got)
		}
	})
}

func TestAnotherPolicyDoesNotRepeatWhatAPersonOnceAsked(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(300)
		b.receive(b.alert(nodefs))
		b.pass(20 * time.Minute)
		b.want(nodefs, 1, "OverNotNeeded")
		b.ask("ann")
		b.pass(time.Minute)
		b.want(nodefs, 2, "OverNotNeeded")
		b.disk.set(120)
		b.Policy.Cases[0].Ladder[0].Approval = true
		b.pass(time.Minute)
		b.want(nodefs, 3, "Waitingapproval") // the alert's
		b.restart("another", dig)
		b.disk.set(160) // above start, below the target up to which a person asked
		b.pass(time.Hour)
		if ep := b.want(nodefs, 4, "OverNotNeeded"); ep.Request.By != "" || dig.applied() != 0 { // the alert's, by the new policy
			t.Error("ann has asked again")
		}
	})
}

func TestWhatAPersonAsksOutlivesAnotherPolicyAndADryRun(t *testing.T) {
	for sentence, change := range map[string]func(*bench, *digger){
		"another policy": func(b *bench, dig *digger) {
			b.restart("another", dig)
			b.pass(time.Minute)
			b.resume()
		},
		"a dry run": func(b *bench, dig *digger) {
			b.on(dig).DryRun = true
			b.pass(time.Minute)
			b.on(dig)
			b.pass(time.Minute)
			b.resume()
		},
		"its episode had acted": func(b *bench, dig *digger) {
			b.resume()
			b.pass(time.Minute)
			b.held(nodefs, headroom.AwaitingApproval, "approve")
			b.restart("another", dig)
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				dig, more := &digger{name: "dig", pieces: []int64{20}}, &digger{name: "more", pieces: []int64{200}}
				b.on(dig, more).disk.set(300)
				b.receive(b.alert(nodefs))
				b.pass(20 * time.Minute)
				b.want(nodefs, 1, "OverNotNeeded")
				b.disk.set(160) // above start, below target
				b.Policy.Cases[0].Ladder[1].Approval = true
				if err := b.Pause(b.t.Context(), headroom.Pause{By: "bob"}); err != nil {
					t.Fatal(err)
				}
				b.ask("ann")
				b.pass(time.Minute)
				b.held(nodefs, headroom.Paused, "resume")
				change(b, more)
				b.pass(20 * time.Minute)
				c := b.load(nodefs)
				if ep := c.Last(); ep.Request.By != "ann" || ep.Outcome != headroom.Succeeded || more.applied() != 1 {
					t.Errorf("asked by %q, %s: %s", ep.Request.By, ep.Outcome, ep.Detail)
				}
				for _, ep := range c.Episodes[1:] {
					if ep.Request.By == "" {
						t.Errorf("an alert that was dealt with long ago began %+v", ep)
					}
				}
			})
		})
	}
}

func TestADryRunInBetweenDoesNotGiveNewAttempts(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200, 200, 200, 200}}
		b.on(dig)
		for range 3 {
			b.disk.set(120)
			b.receive(b.alert(nodefs))
			b.pass(10 * time.Second)
		}
		b.want(nodefs, 3, "OverSucceeded", "dig done")
		b.disk.set(120)
		b.on(dig).DryRun = true
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		b.on(dig)
		b.pass(10 * time.Second)
		if dig.applied() != 3 {
			t.Errorf("acted %d times within the hour, want 3", dig.applied())
		}
		b.pass(time.Hour)
		if dig.applied() != 4 {
			t.Errorf("acted %d times once it was over, want 4", dig.applied())
		}
	})
}

// A journal of which a block was lost may have the case and not who asked.
func TestACaseWithoutARequestIsLookedAfter(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200, 200}}).disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		c := b.load(nodefs)
		c.Request, c.Version, c.Signal = nil, "", imagefs
		if err := b.store.Save(b.t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		b.on(&digger{pieces: []int64{200}}).disk.set(120)
		b.pass(10 * time.Second)
		b.want(imagefs, 2, "OverSucceeded", "dig done")
	})
}
