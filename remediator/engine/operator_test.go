package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
)

func TestARungThatNeedsApprovalWaitsForItsPlansHash(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(120)
		b.Policy.Cases[0].Ladder[0].Approval = true
		b.receive(b.alert(nodefs))
		b.pass(20 * time.Minute)
		ep := b.held(nodefs, headroom.AwaitingApproval, "headroom-remediator approve "+b.last(nodefs).ID+" ")
		if ep.Pending == nil || ep.Pending.Remedy != "dig" || len(ep.Pending.Items) != 1 || !strings.Contains(ep.Lift, ep.Pending.Plan) {
			t.Fatalf("pending is %+v", ep.Pending)
		}
		if dig.applied() != 0 {
			t.Fatalf("applied %d times", dig.applied())
		}
		for sentence, c := range map[string]struct {
			episode, plan string
			want          error
		}{
			"another plan":       {ep.ID, "0123456789abcdef", headroom.ErrConflict},
			"too little of it":   {ep.ID, ep.Pending.Plan[:7], headroom.ErrInvalid},
			"no plan":            {ep.ID, "", headroom.ErrInvalid},
			"an unknown episode": {"nodefs.available-1", ep.Pending.Plan, headroom.ErrNotFound},
		} {
			if err := b.Approve(b.t.Context(), c.episode, c.plan, "ann"); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", sentence, err, c.want)
			}
		}
		if err := b.Approve(b.t.Context(), ep.ID, ep.Pending.Plan[:8], "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
		ep = b.want(nodefs, 1, "OverSucceeded", "dig done")
		if ep.Rungs[0].ApprovedBy != "ann" {
			t.Errorf("approved by %q", ep.Rungs[0].ApprovedBy)
		}
		if err := b.Approve(b.t.Context(), ep.ID, ep.Rungs[0].Plan, "ann"); !errors.Is(err, headroom.ErrConflict) {
			t.Errorf("approved when it was over: %v", err)
		}
	})
}

func TestAnApprovalExpires(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(120)
		b.Policy.Cases[0].Ladder[0].Approval = true
		b.Policy.Approval = 5 * time.Minute
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ep := b.last(nodefs)
		if err := b.Approve(b.t.Context(), ep.ID, ep.Pending.Plan, "ann"); err != nil {
			t.Fatal(err)
		}
		if err := b.Pause(b.t.Context(), headroom.Pause{By: "bob", Until: time.Now().Add(6 * time.Minute)}); err != nil {
			t.Fatal(err)
		}
		b.pass(10 * time.Minute)
		ep = b.held(nodefs, headroom.AwaitingApproval, "approve")
		if !strings.Contains(ep.Detail, "what ann said has expired") || dig.applied() != 0 {
			t.Errorf("%q, applied %d times", ep.Detail, dig.applied())
		}
	})
}

func TestAnApprovalIsForThatPlanOnly(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}, what: "a piece"}
		b.on(dig).disk.set(120)
		b.Policy.Cases[0].Ladder[0].Approval = true
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		first := b.last(nodefs)
		dig.what = "another piece" // before the word is given, and planned again after it
		if err := b.Approve(b.t.Context(), first.ID, first.Pending.Plan, "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
		ep := b.held(nodefs, headroom.AwaitingApproval, "approve")
		if !strings.Contains(ep.Detail, "what ann approved is no longer what would be done") || ep.Pending.Plan == first.Pending.Plan || dig.applied() != 0 {
			t.Errorf("%q, pending %+v, applied %d times", ep.Detail, ep.Pending, dig.applied())
		}
		if err := b.Approve(b.t.Context(), ep.ID, ep.Pending.Plan, "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestAnEpisodeThatWaitsForApprovalHoldsUpNoOtherDisk(t *testing.T) {
	play(t, func(b *bench) {
		dig, memory := &digger{name: "dig", pieces: []int64{200}}, headroom.MemoryAvailable
		b.on(dig).disk.set(120)
		ask := b.Policy.Cases[0]
		ask.Ladder = append(ask.Ladder[:0:0], ask.Ladder...)
		ask.Ladder[0].Approval = true
		ask.Match = ask.Match[:0:0]
		b.Policy.Cases = append(b.Policy.Cases, ask) // whatever the first does not match
		b.receive(b.alert(memory))
		b.pass(time.Minute)
		b.held(memory, headroom.AwaitingApproval, "approve")
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestADryRunNeedsNoApproval(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(120)
		b.DryRun = true
		b.Policy.Cases[0].Ladder[0].Approval = true
		b.control(func(c *headroom.Control) { c.Grants = []headroom.Grant{{Node: "n0"}} })
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverPlanned", "dig planned")
	})
}

func TestAPersonCancelsAnEpisodeThatWaits(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(300)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		if err := b.Cancel(b.t.Context(), "imagefs.available", "ann"); !errors.Is(err, headroom.ErrNotFound) {
			t.Errorf("another signal: %v", err)
		}
		if err := b.Cancel(b.t.Context(), "nodefs.available", "ann"); err != nil {
			t.Fatal(err)
		}
		ep := b.want(nodefs, 1, "OverCancelled")
		if ep.Detail != "by ann" {
			t.Errorf("%q", ep.Detail)
		}
		if err := b.Cancel(b.t.Context(), ep.ID, "ann"); !errors.Is(err, headroom.ErrConflict) {
			t.Errorf("cancelled twice: %v", err)
		}
		b.pass(time.Hour)
		b.want(nodefs, 1, "OverCancelled")
	})
}

func TestAPersonCancelsARungThatIsBeingApplied(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}, hold: make(chan struct{})}
		b.on(dig).disk.set(120)
		b.receive(b.alert(nodefs))
		time.AfterFunc(5*time.Second, func() {
			if err := b.Cancel(context.Background(), string(nodefs), "ann"); err != nil {
				t.Error(err)
			}
		})
		b.pass(10 * time.Second)
		ep := b.want(nodefs, 1, "OverCancelled", "dig interrupted")
		if ep.Detail != "by ann" || ep.Rungs[0].Removed == nil {
			t.Errorf("%q, %+v", ep.Detail, ep.Rungs[0])
		}
	})
}

func TestAPersonAsksAboveStart(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(160) // 6 % of headroom: above start, below target
		if _, err := b.Ask(b.t.Context(), headroom.PIDAvailable, "ann"); !errors.Is(err, headroom.ErrNotFound) {
			t.Errorf("no case of the policy: %v", err)
		}
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.held(nodefs, headroom.Watching, "below 5.0%")
		b.ask("ann")
		b.pass(time.Minute)
		ep := b.want(nodefs, 1, "OverSucceeded", "dig done")
		if ep.Request.By != "ann" {
			t.Errorf("asked by %q", ep.Request.By)
		}
		// Again, and without need.
		b.ask("ann")
		b.pass(time.Minute)
		b.want(nodefs, 2, "OverNotNeeded")
		// Gates hold for people, too.
		dig.pieces = []int64{10}
		for range 2 {
			b.disk.set(120)
			b.ask("ann")
			b.pass(time.Minute)
		}
		b.held(nodefs, headroom.Cooldown, "at ")
	})
}

func TestAnAlertDoesNotTakeThePlaceOfWhatAPersonAsks(t *testing.T) {
	for sentence, before := range map[string]func(b *bench){
		"nothing is there":              func(*bench) {},
		"an alert makes it watch":       func(b *bench) { b.receive(b.alert(nodefs)); b.pass(time.Minute) },
		"an episode was there and over": func(b *bench) { b.receive(b.alert(nodefs)); b.pass(time.Hour) },
	} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				b.on(&digger{pieces: []int64{200}}).disk.set(160) // above start, below target
				before(b)
				b.ask("ann")
				b.receive(b.alert(nodefs)) // before the worker has looked
				b.pass(time.Minute)
				episodes := b.load(nodefs).Episodes
				if ep := episodes[len(episodes)-1]; ep.Request.By != "ann" || ep.Outcome != headroom.Succeeded {
					t.Errorf("asked by %q, %s: %s", ep.Request.By, ep.Outcome, ep.Detail)
				}
			})
		})
	}
}

func TestWhatAPersonAsksIsDurableAtOnce(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(160)
		r := b.ask("ann")
		c := b.load(nodefs)
		if asked := c.Unheeded(); asked == nil || asked.ID != r.ID {
			t.Errorf("%+v", c)
		}
		b.on(&digger{pieces: []int64{200}}) // the program died before it had looked
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		if ep := b.want(nodefs, 1, "OverSucceeded", "dig done"); ep.Request.ID != r.ID {
			t.Errorf("asked by %q", ep.Request.By)
		}
	})
}

// While an episode acts, what a person asks waits for its end.
func TestWhatAPersonAsksWaitsForAnotherCaseOfThePolicy(t *testing.T) {
	for sentence, meanwhile := range map[string]func(*bench){
		"nothing happens":              func(*bench) {},
		"the alert is delivered again": func(b *bench) { b.receive(b.alert(nodefs)) },
		"somebody else asks, too":      func(b *bench) { b.ask("bob") },
		"another alert is delivered":   func(b *bench) { b.start = time.Now(); b.receive(b.alert(nodefs)) },
	} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				hold := make(chan struct{})
				dig := &digger{name: "dig", pieces: []int64{40}, hold: hold}
				more := &digger{name: "more", pieces: []int64{200}}
				b.on(dig, more).disk.set(120)
				other := b.Policy.Cases[0]
				other.Target = 0.055
				b.Policy.Cases[0].Match[0], _ = labels.NewMatcher(labels.MatchEqual, "alertname", "run")
				other.Match = nil
				other.Ladder, b.Policy.Cases[0].Ladder = other.Ladder[:1], other.Ladder[1:]
				b.Policy.Cases = append(b.Policy.Cases, other)
				b.receive(b.alert(nodefs))
				time.AfterFunc(5*time.Second, func() {
					b.ask("ann")
					meanwhile(b)
					time.Sleep(time.Second)
					close(hold)
				})
				b.pass(20 * time.Minute)
				c := b.load(nodefs)
				var asked int
				for _, ep := range c.Episodes {
					if ep.Request.By != "" {
						asked++
						if ep.Outcome != headroom.Succeeded {
							t.Errorf("%+v", ep)
						}
					}
				}
				if first := c.Episodes[0]; first.Request.By != "" || first.Outcome != headroom.Succeeded {
					t.Errorf("%+v", first)
				}
				if asked != 1 || c.Unheeded() != nil {
					t.Errorf("%d episodes that a person asked for, unheeded is %+v", asked, c.Unheeded())
				}
			})
		})
	}
}

func TestAnEpisodeThatActsIsWhatAPersonAsksForMeanwhile(t *testing.T) {
	play(t, func(b *bench) {
		hold := make(chan struct{})
		b.on(&digger{pieces: []int64{200}, hold: hold}).disk.set(120)
		b.receive(b.alert(nodefs))
		time.AfterFunc(5*time.Second, func() {
			b.ask("ann")
			time.Sleep(time.Second)
			close(hold)
		})
		b.pass(20 * time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		if c := b.load(nodefs); c.Unheeded() != nil {
			t.Errorf("%+v", c.Asked)
		}
	})
}

func TestWhatAPersonAsksTakesOverNothingThatHasActed(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{name: "dig", pieces: []int64{20}}, &digger{name: "more", pieces: []int64{200}}).disk.set(120)
		b.Policy.Cases[0].Ladder[1].Approval = true
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.ask("ann")
		b.pass(time.Minute)
		ep := b.held(nodefs, headroom.AwaitingApproval, "approve")
		if ep.Request.By != "" {
			t.Errorf("asked by %q", ep.Request.By)
		}
		if err := b.Approve(b.t.Context(), ep.ID, ep.Pending.Plan, "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(20 * time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done", "more done")
	})
}

func TestWhatAPersonAsksTakesOverNothingOfAnEarlierPolicy(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(160)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.restart("another", &digger{pieces: []int64{200}})
		b.ask("ann")
		b.pass(10 * time.Second)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
		if first := b.load(nodefs).Episodes[0]; first.Request.By != "" {
			t.Errorf("%+v", first)
		}
	})
}

func TestAnEpisodeThatOnlyWatchedIsNotWhatAPersonAsksFor(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(160)
		b.receive(b.alert(nodefs))
		ends := time.Now().Add(b.Policy.Watch)
		asked := false
		b.disk.read = func() { // the last time, and its end follows
			if time.Now().After(ends) && !asked {
				asked = true
				b.ask("ann")
				time.Sleep(time.Millisecond)
			}
		}
		b.pass(time.Hour)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

func TestWhatAPersonAsksAfterTheClockWasSetBackBegins(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(160)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		if err := b.Cancel(b.t.Context(), string(nodefs), "bob"); err != nil {
			t.Fatal(err)
		}
		c := b.load(nodefs)
		c.Last().Ended = time.Now().Add(time.Hour)
		if err := b.store.Save(b.t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		b.ask("ann")
		b.pass(10 * time.Second)
		if c := b.load(nodefs); len(c.Episodes) != 2 || c.Last().Request.By != "ann" {
			t.Errorf("%+v", c)
		}
	})
}

func TestWhoCancelsAnEpisodeCancelsWhatWasAskedSince(t *testing.T) {
	for sentence, waits := range map[string]bool{"it waits": true, "it acts": false} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				dig := &digger{pieces: []int64{20, 200}, hold: make(chan struct{})}
				b.on(dig).disk.set(120)
				b.Policy.Cases[0].Ladder[0].Approval = waits
				b.receive(b.alert(nodefs))
				time.AfterFunc(5*time.Second, func() {
					b.ask("ann")
					if err := b.Cancel(context.Background(), string(nodefs), "bob"); err != nil {
						t.Error(err)
					}
				})
				b.pass(time.Minute)
				if c := b.load(nodefs); len(c.Episodes) != 1 || c.Last().Outcome != headroom.Cancelled || c.Unheeded() != nil {
					t.Errorf("%+v", c)
				}
			})
		})
	}
}

func TestAnAlertThatIsLostOrMutedChangesNothing(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200, 200, 200}}
		b.on(dig).disk.set(500)
		b.receive(b.alert(nodefs)) // it predicts; nothing is delivered ever again
		b.pass(time.Hour)
		b.want(nodefs, 1, "OverNotNeeded")
		b.disk.set(120)
		b.pass(time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
		b.disk.set(120)
		b.pass(time.Minute)
		b.want(nodefs, 3, "OverSucceeded", "dig done")
		b.pass(6 * time.Hour) // an alert that has not been heard of for so long is over
		b.disk.set(120)
		b.pass(time.Hour)
		b.want(nodefs, 3, "OverSucceeded", "dig done")
	})
}

func TestAPersonIsCalledWhenTheLadderIsExhausted(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}).disk.set(120)
		escalated := func() float64 { return gauge(t, b.Metrics.escalated, "n1", string(nodefs)) }
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverExhausted", "dig nothing")
		if escalated() != 1 {
			t.Error("not escalated")
		}
		b.on(&digger{}) // after a restart, too
		b.pass(10 * time.Second)
		if escalated() != 1 {
			t.Error("not escalated after a restart")
		}
		b.disk.set(400)
		b.pass(time.Minute)
		if escalated() != 0 {
			t.Error("still escalated, although the node has recovered")
		}
	})
}

func TestAnEpisodeThatWaitsForApprovalHoldsUpNobodyOnItsDisk(t *testing.T) {
	play(t, func(b *bench) {
		ask, dig := &digger{name: "ask", pieces: []int64{200}}, &digger{name: "dig", pieces: []int64{200}}
		plans := 0
		ask.plan = func() { plans++ }
		b.on(ask, dig).disk.set(120)
		second := b.Policy.Cases[0]
		second.Match = nil
		b.Policy.Cases[0].Match[0], _ = labels.NewMatcher(labels.MatchEqual, "signal", string(nodefs))
		second.Ladder = []policy.Rung{{Remedy: dig}}
		b.Policy.Cases[0].Ladder = []policy.Rung{{Remedy: ask, Approval: true}}
		b.Policy.Cases = append(b.Policy.Cases, second)
		b.disk.thresholds = map[headroom.Signal]int64{nodefs: 110} // which so leads
		b.receive(b.alert(nodefs), b.alert(imagefs))
		b.pass(20 * time.Second)
		b.want(imagefs, 1, "OverSucceeded", "dig done")
		b.pass(20 * time.Minute)
		b.want(nodefs, 1, "OverNotNeeded")
		if plans != 1 {
			t.Errorf("planned %d times", plans)
		}
	})
}

func TestTwoEpisodesOfADiskWaitForApprovalSideBySide(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		plans, saves := 0, 0
		dig.plan = func() { plans++ }
		b.on(dig).disk.set(120)
		b.Policy.Cases[0].Ladder[0].Approval = true
		b.receive(b.alert(nodefs), b.alert(imagefs))
		b.store.saved = func(headroom.Case) { saves++ }
		b.pass(10*time.Minute + 500*time.Millisecond)
		b.held(nodefs, headroom.AwaitingApproval, "approve")
		ep := b.held(imagefs, headroom.AwaitingApproval, "approve")
		if plans > 2*21 || saves > 2*22 {
			t.Errorf("planned %d times, saved %d times", plans, saves)
		}
		if err := b.Approve(b.t.Context(), ep.ID, ep.Pending.Plan, "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
		b.want(imagefs, 1, "OverSucceeded", "dig done")
		b.pass(20 * time.Minute)
		b.want(nodefs, 1, "OverNotNeeded")
		if dig.applied() != 1 {
			t.Errorf("applied %d times", dig.applied())
		}
	})
}

func TestAnAlertOfAnotherCaseOfThePolicyDoesNotTakeOverWhatAPersonAsked(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(160)
		other := b.Policy.Cases[0]
		other.Start = 0.01
		b.Policy.Cases[0].Match[0], _ = labels.NewMatcher(labels.MatchEqual, "alertname", "run")
		other.Match = nil
		b.Policy.Cases = append(b.Policy.Cases, other)
		if err := b.Pause(b.t.Context(), headroom.Pause{By: "bob"}); err != nil {
			t.Fatal(err)
		}
		b.ask("ann")
		b.pass(time.Minute)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.resume()
		b.pass(10 * time.Second)
		if c := b.load(nodefs); c.Episodes[0].Outcome != headroom.Succeeded || c.Episodes[0].Request.By != "ann" {
			t.Errorf("%+v", c.Episodes[0])
		}
	})
}

func TestAnAlertIsLookedAfterThoughAPersonHasAskedSince(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200, 200}}).disk.set(500)
		b.receive(b.alert(nodefs))
		b.pass(20 * time.Minute)
		b.ask("ann")
		b.pass(20 * time.Minute)
		b.want(nodefs, 2, "OverNotNeeded")
		b.disk.set(120)
		b.pass(time.Minute)
		if ep := b.want(nodefs, 3, "OverSucceeded", "dig done"); ep.Request.By != "" || ep.Start != 0.05 {
			t.Errorf("asked by %q, start %v", ep.Request.By, ep.Start)
		}
	})
}

func TestAnApprovalOfTheFutureDoesNotCount(t *testing.T) {
	now := time.Now()
	p := &headroom.Pending{Plan: "p"}
	a := &headroom.Approval{Plan: "p", At: now, Expires: now.Add(time.Hour)}
	for moment, want := range map[time.Duration]bool{-time.Second: false, 0: true, time.Hour - 1: true, time.Hour: false} {
		if got := a.Allows(p, now.Add(moment)); got != want {
			t.Errorf("%s after it was given it counts: %t", moment, got)
		}
	}
}

// Outcomes and restarts, and what the metric says of the case after each.
func TestWhatIsEscalatedIsOnRecord(t *testing.T) {
	at := time.Now()
	exhausted := headroom.Episode{Phase: headroom.Over, Outcome: headroom.Exhausted}
	over := func(o headroom.Outcome) headroom.Episode { return headroom.Episode{Phase: headroom.Over, Outcome: o} }
	for sentence, c := range map[string]struct {
		episodes []headroom.Episode
		want     bool
	}{
		"nothing happened":                         {nil, false},
		"the ladder was exhausted":                 {[]headroom.Episode{exhausted}, true},
		"every rung failed":                        {[]headroom.Episode{{Phase: headroom.Over, Outcome: headroom.Failed, After: &headroom.State{}}}, true},
		"the policy changed":                       {[]headroom.Episode{over(headroom.Failed)}, false},
		"the policy changed after it was given up": {[]headroom.Episode{exhausted, over(headroom.Failed)}, true},
		"it was planned only":                      {[]headroom.Episode{{Phase: headroom.Over, Outcome: headroom.Exhausted, DryRun: true}}, false},
		"the next one waits":                       {[]headroom.Episode{exhausted, {Phase: headroom.Waiting}}, true},
		"the next one waited in vain":              {[]headroom.Episode{exhausted, over(headroom.Expired)}, true},
		"the next one stayed above start":          {[]headroom.Episode{exhausted, over(headroom.NotNeeded)}, true},
		"the next one succeeded":                   {[]headroom.Episode{exhausted, over(headroom.Succeeded)}, false},
		"a person cancelled the next one":          {[]headroom.Episode{exhausted, over(headroom.Cancelled)}, false},
		"the node recovered":                       {[]headroom.Episode{{Phase: headroom.Over, Outcome: headroom.Exhausted, Recovered: at}}, false},
		"it recovered, and the next one waits":     {[]headroom.Episode{exhausted, {Phase: headroom.Over, Outcome: headroom.Exhausted, Recovered: at}, {Phase: headroom.Waiting}}, false},
	} {
		if got := givenUp(&headroom.Case{Episodes: c.episodes}) != nil; got != c.want {
			t.Errorf("%s: escalated is %t", sentence, got)
		}
	}
}

func TestACaseThatHasRecoveredIsNotEscalatedAgainWithoutATrial(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}).disk.set(120)
		escalated := func() float64 { return gauge(t, b.Metrics.escalated, "n1", string(nodefs)) }
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverExhausted", "dig nothing")
		b.disk.set(160) // above start, below target
		b.pass(time.Hour)
		if escalated() != 1 {
			t.Error("not escalated below the target")
		}
		b.disk.set(260)
		b.pass(time.Minute)
		b.disk.set(160) // it was well, and is above start
		b.on(&digger{})
		b.pass(time.Minute)
		if escalated() != 0 {
			t.Error("escalated, although nothing was tried since the node had recovered")
		}
	})
}

func TestAPlanIsOfWhatARunWouldDo(t *testing.T) {
	play(t, func(b *bench) {
		dig, other := &digger{name: "dig", pieces: []int64{200}}, &digger{name: "other", pieces: []int64{200}}
		b.on(dig, other).disk.set(120)
		second := b.Policy.Cases[0]
		second.Match = nil
		b.Policy.Cases[0].Match[0], _ = labels.NewMatcher(labels.MatchRegexp, "alertname", ".+")
		b.Policy.Cases[0].Ladder, second.Ladder = second.Ladder[:1], second.Ladder[1:]
		b.Policy.Cases = append(b.Policy.Cases, second)
		p, err := b.Plan(b.t.Context(), nodefs, "at")
		if err != nil {
			t.Fatal(err)
		}
		b.ask("ann")
		b.pass(10 * time.Second)
		if ep := b.want(nodefs, 1, "OverSucceeded", "dig done"); p.Rungs[0].Remedy != ep.Rungs[0].Remedy {
			t.Errorf("planned %s", p.Rungs[0].Remedy)
		}
	})
}

// Who takes an alert over does not make us forget it.
func TestAnAlertThatAPersonTookOverIsLookedAfterAsBefore(t *testing.T) {
	for sentence, seen := range map[string]time.Duration{"an episode of its own": time.Minute, "nothing yet": 0} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				b.on(&digger{pieces: []int64{200, 200}}).disk.set(160) // between start and target
				b.receive(b.alert(nodefs))
				if seen > 0 {
					b.pass(seen)
					b.want(nodefs, 1, "Waitingwatching")
				}
				b.ask("ann")
				b.pass(time.Minute)
				b.want(nodefs, 1, "OverSucceeded", "dig done")
				b.disk.set(120) // and nobody says so
				b.pass(time.Minute)
				if ep := b.want(nodefs, 2, "OverSucceeded", "dig done"); ep.Request.By != "" {
					t.Errorf("asked by %s", ep.Request.By)
				}
			})
		})
	}
}
