package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// held fails the test unless the open episode waits for that reason and says
// what would lift it.
func (b *bench) held(signal headroom.Signal, reason headroom.Reason, lift string) *headroom.Episode {
	b.t.Helper()
	ep := b.last(signal)
	if ep == nil || ep.Phase != headroom.Waiting || ep.Reason != reason || !strings.Contains(ep.Lift, lift) {
		b.t.Fatalf("episode is %+v, want one that waits for %s and says what lifts it: %q", ep, reason, lift)
	}
	if got := gauge(b.t, b.Metrics.waiting, "n1", string(signal), string(reason)); got != 1 {
		b.t.Errorf("waiting for %s is %v in the metrics", reason, got)
	}
	return ep
}

func (b *bench) control(edit func(*headroom.Control)) headroom.Control {
	b.t.Helper()
	c, err := b.store.Control(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if edit != nil {
		edit(&c)
		if err := b.store.SaveControl(b.t.Context(), &c); err != nil {
			b.t.Fatal(err)
		}
	}
	return c
}

func TestAPauseHoldsEverythingUntilSomebodyResumes(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(120)
		if err := b.Pause(b.t.Context(), headroom.Pause{By: "ann", Why: "moving house"}); err != nil {
			t.Fatal(err)
		}
		b.receive(b.alert(nodefs))
		b.pass(20 * time.Minute)
		ep := b.held(nodefs, headroom.Paused, "headroom-remediator resume")
		if ep.Detail != "by ann: moving house" || dig.applied() != 0 {
			t.Errorf("%q, applied %d times", ep.Detail, dig.applied())
		}
		b.on(dig) // a restart forgets no pause
		b.pass(time.Minute)
		b.held(nodefs, headroom.Paused, "resume")
		if err := b.Resume(b.t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		if err := b.Resume(b.t.Context(), "ann"); !errors.Is(err, headroom.ErrNotFound) {
			t.Errorf("resumed twice: %v", err)
		}
	})
}

func TestAPauseEndsByItself(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(120)
		if err := b.Pause(b.t.Context(), headroom.Pause{By: "ann", Until: time.Now().Add(-time.Second)}); !errors.Is(err, headroom.ErrInvalid) {
			t.Errorf("a pause that is over: %v", err)
		}
		if err := b.Pause(b.t.Context(), headroom.Pause{By: "ann", Until: time.Now().Add(20 * time.Minute)}); err != nil {
			t.Fatal(err)
		}
		b.receive(b.alert(nodefs))
		b.pass(19 * time.Minute)
		b.held(nodefs, headroom.Paused, "by itself at")
		b.pass(2 * time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestAPauseStopsARungWhichIsRepeatedLater(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}, hold: make(chan struct{})}
		b.on(dig).disk.set(120)
		b.receive(b.alert(nodefs))
		time.AfterFunc(5*time.Second, func() {
			if err := b.Pause(context.Background(), headroom.Pause{By: "ann"}); err != nil {
				t.Error(err)
			}
		})
		b.pass(time.Minute)
		ep := b.held(nodefs, headroom.Paused, "resume")
		if len(ep.Rungs) != 1 || ep.Rungs[0].Outcome != headroom.RungInterrupted || fmt.Sprint(ep.Rungs[0].Notes) != "[stopped by ann]" {
			t.Errorf("rungs %+v", ep.Rungs)
		}
		close(dig.hold)
		if err := b.Resume(b.t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig interrupted", "dig done")
	})
}

func TestANodeThatOptedOutIsNotTouched(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(120)
		why, broken := "its owner said so", error(nil)
		b.OptOut = func(context.Context) (string, error) { return why, broken }
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		if ep := b.held(nodefs, headroom.OptedOut, "taken back"); ep.Detail != why {
			t.Errorf("%q", ep.Detail)
		}
		why, broken = "", errTest
		b.pass(time.Minute)
		b.held(nodefs, headroom.CannotTell, "can be read")
		if dig.applied() != 0 {
			t.Errorf("applied %d times", dig.applied())
		}
		broken = nil
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestTheBudgetIsSharedByAllNodesOfTheStore(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(120)
		b.control(func(c *headroom.Control) { c.Grants = []headroom.Grant{{Node: "n0", Since: time.Now()}} })
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.held(nodefs, headroom.OverBudget, "n0 is over")
		b.on(dig) // the place of a node that is silent stays taken
		b.pass(20 * time.Minute)
		b.held(nodefs, headroom.OverBudget, "n0 is over")
		if dig.applied() != 0 {
			t.Errorf("applied %d times", dig.applied())
		}
		var during []headroom.Grant
		dig.dig = func() { during = b.control(nil).Grants }
		b.control(func(c *headroom.Control) { c.Grants = nil })
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
		if len(during) != 1 || during[0].Node != "n1" {
			t.Errorf("while it ran, the grants were %v", during)
		}
		if after := b.control(nil).Grants; len(after) != 0 {
			t.Errorf("when it was over, the grants were %v", after)
		}
	})
}

func TestAPlaceInTheBudgetIsKeptOverACrashAndGivenBack(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}).disk.set(500)
		b.control(func(c *headroom.Control) { c.Grants = []headroom.Grant{{Node: "n0"}, {Node: "n1"}, {Node: "n2"}} })
		b.pass(time.Minute) // it finds that nothing of its own runs
		if got := fmt.Sprint(b.control(nil).Grants); strings.Contains(got, "n1") || !strings.Contains(got, "n0") || !strings.Contains(got, "n2") {
			t.Errorf("grants are %v", got)
		}
	})
}

func TestHowManyNodesMayRunAndHowManyOpenTheBreaker(t *testing.T) {
	for name, c := range map[string]struct {
		nodes          int
		budget         policy.Budget
		breaker        policy.Breaker
		running, storm int
	}{
		"nobody knows how many nodes there are": {0, policy.Budget{Nodes: 5, Ratio: 0.1}, policy.Breaker{Nodes: 20, Ratio: 0.25}, 5, 20},
		"the share is the smaller":              {30, policy.Budget{Nodes: 5, Ratio: 0.1}, policy.Breaker{Nodes: 20, Ratio: 0.25}, 3, 8},
		"the number is the smaller":             {1000, policy.Budget{Nodes: 5, Ratio: 0.1}, policy.Breaker{Nodes: 20, Ratio: 0.25}, 5, 20},
		"of few nodes one may run":              {4, policy.Budget{Nodes: 5, Ratio: 0.1}, policy.Breaker{Nodes: 20, Ratio: 0.25}, 1, 3},
		"no share is asked for":                 {1000, policy.Budget{Nodes: 2, Ratio: 1}, policy.Breaker{Nodes: 50}, 2, 50},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(Config{Policy: &policy.Policy{Budget: c.budget, Breaker: c.breaker}, Nodes: func() int { return c.nodes }})
			if got := e.budget(); got != c.running {
				t.Errorf("%d nodes may run, want %d", got, c.running)
			}
			if got := e.stormSize(); got != c.storm {
				t.Errorf("%d nodes open the breaker, want %d", got, c.storm)
			}
		})
	}
}

// lender, keeper and finisher are diggers with one ability more.
type lender struct{ *digger }

func (lender) Lends() {}

type keeper struct {
	*digger
	spare []int64
	keep  func(ctx context.Context) // called by Keep
}

func (k *keeper) Keep(ctx context.Context, _ remedy.Node, spare remedy.Need) (string, error) {
	k.spare = append(k.spare, spare.Amount)
	if k.keep != nil {
		k.keep(ctx)
	}
	return "", ctx.Err()
}

type finisher struct {
	*digger
	finished int
	finish   func() // called by Finish
	failing  error  // of Finish
}

func (f *finisher) Finish(context.Context, remedy.Node) ([]string, error) {
	f.finished++
	if f.finish != nil {
		f.finish()
	}
	if f.failing != nil {
		return nil, f.failing
	}
	return []string{"carried to its end"}, nil
}

// with puts remedies in the place of the ladder.
func (b *bench) with(rs ...remedy.Remedy) *bench {
	b.Policy.Cases[0].Ladder = nil
	for _, r := range rs {
		b.Policy.Cases[0].Ladder = append(b.Policy.Cases[0].Ladder, policy.Rung{Remedy: r})
	}
	return b
}

func TestWhatWasSetAsideIsNoSuccessAlone(t *testing.T) {
	play(t, func(b *bench) {
		dig, ballast := &digger{name: "dig"}, &digger{name: "ballast", pieces: []int64{200}}
		b.on(dig, ballast).with(dig, lender{ballast}).disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ep := b.want(nodefs, 1, "OverExhausted", "dig nothing", "ballast done", "dig nothing", "ballast nothing")
		if !strings.Contains(ep.Detail, "something must still be done") || !ep.Rungs[1].Lent {
			t.Errorf("%q, %+v", ep.Detail, ep.Rungs)
		}
		if got := gauge(t, b.Metrics.escalated, "n1", string(nodefs)); got != 1 {
			t.Errorf("escalated is %v", got)
		}
		// It is at the target, but on credit.
		b.pass(time.Hour)
		if got := gauge(t, b.Metrics.escalated, "n1", string(nodefs)); got != 1 {
			t.Errorf("escalated is %v an hour later", got)
		}
		b.disk.set(460) // what was lent could be set aside again
		b.pass(time.Minute)
		if got := gauge(t, b.Metrics.escalated, "n1", string(nodefs)); got != 0 {
			t.Errorf("escalated is %v after it recovered", got)
		}
	})
}

func TestWhatWasSetAsideIsMadeUpForByTheRungsAfterIt(t *testing.T) {
	play(t, func(b *bench) {
		ballast, dig := &digger{name: "ballast", pieces: []int64{200}}, &digger{name: "dig", pieces: []int64{200}}
		b.on(ballast, dig).with(lender{ballast}, dig).disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "ballast done", "dig done")
	})
}

// What was lent must be made up for, but not by lending more.
func TestNoMoreIsLentThanTheTargetNeeds(t *testing.T) {
	play(t, func(b *bench) {
		ballast := &digger{name: "ballast", pieces: []int64{200, 200, 200}}
		b.on(ballast).with(lender{ballast}).disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverExhausted", "ballast done", "ballast nothing")
		if n := ballast.applied(); n != 1 {
			t.Errorf("it lent %d times", n)
		}
	})
}

func TestWhatIsSetAsideIsTakenInQuietTimesOnly(t *testing.T) {
	play(t, func(b *bench) {
		k := &keeper{digger: &digger{name: "ballast", pieces: []int64{200}}}
		b.on(k.digger).with(k).disk.set(500)
		b.pass(5 * time.Minute)
		if len(k.spare) < 4 || k.spare[0] != 500-100-150 {
			t.Fatalf("spare was %v", k.spare)
		}
		b.disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "ballast done")
		before := len(k.spare)
		b.pass(9 * time.Minute)
		if len(k.spare) != before {
			t.Errorf("asked to set aside %d times within the cooldown", len(k.spare)-before)
		}
		b.pass(5 * time.Minute)
		if len(k.spare) == before {
			t.Error("never asked again")
		}
		b.DryRun = true
		before = len(k.spare)
		b.pass(10 * time.Minute)
		if len(k.spare) != before {
			t.Error("asked in a dry run")
		}
	})
}

func TestARungThatWasCutShortIsFinishedBeforeAnythingElse(t *testing.T) {
	play(t, func(b *bench) {
		f := &finisher{digger: &digger{name: "dig", pieces: []int64{200}, hold: make(chan struct{})}}
		b.on(f.digger).with(f).disk.set(120)
		b.receive(b.alert(nodefs))
		b.store.refuseSaves.Store(0)
		f.dig = func() { b.store.refuseSave = errTest } // its end cannot be written down
		b.pass(5 * time.Second)
		b.store.refuseSave, f.dig = nil, nil
		close(f.hold)
		b.on(f.digger).with(f)
		b.pass(time.Minute)
		ep := b.want(nodefs, 1, "OverSucceeded", "dig interrupted", "dig done")
		if f.finished != 1 || fmt.Sprint(ep.Rungs[0].Notes) != "[carried to its end]" {
			t.Errorf("finished %d times, notes %v", f.finished, ep.Rungs[0].Notes)
		}
	})
}

func TestADisruptiveRungWaitsForItsWindow(t *testing.T) {
	play(t, func(b *bench) { // which begins at midnight UTC, on a Saturday
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(120)
		p, err := policy.Parse("policy", []byte("windows: {disruptive: ['Sat 02:00-06:00 UTC']}\n"+
			"cases: [{match: ['signal=\"nodefs.available\"'], start: 5%, target: 15%, ladder: [{remedy: exec, command: [/bin/true], disruptive: true, approval: none}]}]\n"), remedy.All)
		if err != nil {
			t.Fatal(err)
		}
		b.Policy.Disruptive = p.Disruptive
		b.Policy.Cases[0].Ladder[0].Disruptive = p.Cases[0].Ladder[0].Disruptive
		b.receive(b.alert(nodefs))
		b.pass(119 * time.Minute)
		b.held(nodefs, headroom.OutsideWindow, "2000-01-01 02:00:00 UTC")
		if dig.applied() != 0 {
			t.Errorf("applied %d times", dig.applied())
		}
		b.pass(2 * time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestNothingIsSetAsideWhileAGateHolds(t *testing.T) {
	for name, hold := range map[string]func(*bench){
		"paused": func(b *bench) {
			if err := b.Pause(b.t.Context(), headroom.Pause{By: "ann"}); err != nil {
				b.t.Fatal(err)
			}
		},
		"a storm":     func(b *bench) { b.storm(0, 20) },
		"opted out":   func(b *bench) { b.OptOut = func(context.Context) (string, error) { return "its owner said so", nil } },
		"cannot tell": func(b *bench) { b.OptOut = func(context.Context) (string, error) { return "", errTest } },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *bench) {
				k := &keeper{digger: &digger{name: "ballast"}}
				b.on(k.digger).with(k).disk.set(500)
				hold(b)
				b.pass(4 * time.Minute)
				if len(k.spare) != 0 {
					t.Errorf("asked to set aside %v", k.spare)
				}
			})
		})
	}
}

func TestWhatIsSetAsideLeavesRoomForEverySignalOfTheDisk(t *testing.T) {
	play(t, func(b *bench) {
		k := &keeper{digger: &digger{name: "ballast"}}
		b.on(k.digger).with(k).disk.set(500)
		b.disk.thresholds = map[headroom.Signal]int64{imagefs: 300} // the others' are 100
		b.pass(10 * time.Second)
		if fmt.Sprint(k.spare) != "[50 50]" { // 500 - 300 - 150
			t.Errorf("spare was %v", k.spare)
		}
	})
}

func TestWhatWasJustSetAsideIsNoRoomForTheNextSignal(t *testing.T) {
	play(t, func(b *bench) {
		k := &keeper{digger: &digger{name: "ballast"}}
		b.on(k.digger).with(k).disk.set(350)
		k.keep = func(context.Context) { b.disk.set(b.disk.available - 60) }
		b.pass(10 * time.Second)
		if fmt.Sprint(k.spare) != "[100 40]" { // of two signals on one disk
			t.Errorf("spare was %v", k.spare)
		}
	})
}

func TestSettingAsideEndsWhenSomebodyAsks(t *testing.T) {
	play(t, func(b *bench) {
		k := &keeper{digger: &digger{name: "ballast", pieces: []int64{200}}}
		b.on(k.digger).with(k).disk.set(500)
		k.keep = func(ctx context.Context) { // would take an hour
			b.disk.set(120)
			time.AfterFunc(time.Second, func() { b.receive(b.alert(nodefs)) })
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
			}
			k.keep = nil
		}
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "ballast done")
	})
}

func TestNothingIsSetAsideWhileWhatWasLentIsOwed(t *testing.T) {
	play(t, func(b *bench) {
		k := &keeper{digger: &digger{name: "ballast", pieces: []int64{200}}}
		b.on(k.digger).with(lendingKeeper{k}).disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(time.Hour)
		b.want(nodefs, 1, "OverExhausted", "ballast done", "ballast nothing")
		if len(k.spare) != 0 {
			t.Errorf("asked to set aside %v", k.spare)
		}
		b.disk.set(460)
		b.pass(3 * time.Minute)
		if len(k.spare) == 0 {
			t.Error("never asked again")
		}
	})
}

// A lendingKeeper is what ballast is.
type lendingKeeper struct{ *keeper }

func (lendingKeeper) Lends() {}

func TestNoMoreIsLentThanBringsItToTheTarget(t *testing.T) {
	play(t, func(b *bench) {
		ballast, dig := &digger{name: "ballast", pieces: []int64{200, 200, 200}}, &digger{name: "dig"}
		b.on(ballast, dig).with(lender{ballast}, dig).disk.set(120)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverExhausted", "ballast done", "dig nothing", "ballast nothing", "dig nothing")
		if len(ballast.pieces) != 2 {
			t.Errorf("%d pieces are left", len(ballast.pieces))
		}
	})
}

func TestLendingIsNoSuccessThoughOthersMadeRoom(t *testing.T) {
	play(t, func(b *bench) {
		ballast := &digger{name: "ballast", pieces: []int64{200}}
		b.on(ballast).with(lender{ballast}).disk.set(120)
		ballast.dig = func() { b.disk.set(300) }
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverNotNeeded", "ballast done")
	})
}

func TestWhatWasLentWhenTheProgramDiedIsOwed(t *testing.T) {
	ep := &headroom.Episode{Rungs: []headroom.Rung{
		{Lent: true, Outcome: headroom.RungInterrupted, Planned: headroom.Amount{Bytes: 5, Inodes: 2}},
		{Lent: true, Outcome: headroom.RungDone, Planned: headroom.Amount{Bytes: 9}, Removed: &headroom.Amount{Bytes: 3, Inodes: 1}},
		{Outcome: headroom.RungInterrupted, Planned: headroom.Amount{Bytes: 100}},
	}}
	if got := lent(ep); got != (headroom.Amount{Bytes: 8, Inodes: 3}) {
		t.Errorf("lent %+v", got)
	}
}

func TestAnEpisodeThatWaitsHasNoPlaceInTheBudget(t *testing.T) {
	play(t, func(b *bench) {
		one, two := &digger{name: "one", pieces: []int64{10}}, &digger{name: "two", pieces: []int64{200}}
		b.on(one, two).disk.set(120)
		b.Policy.Cases[0].Ladder[1].Approval = true
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		ep := b.held(nodefs, headroom.AwaitingApproval, "approve")
		if got := b.control(nil).Grants; len(got) != 0 {
			t.Errorf("while it waits for a person, the grants are %v", got)
		}
		b.control(func(c *headroom.Control) { c.Grants = []headroom.Grant{{Node: "n0"}} })
		if err := b.Approve(b.t.Context(), ep.ID, ep.Pending.Plan, "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
		b.held(nodefs, headroom.OverBudget, "n0 is over")
		b.control(func(c *headroom.Control) { c.Grants = nil })
		b.pass(time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "one done", "two done")
	})
}

func TestAPauseThatIsAnotherIsTold(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}).disk.set(120)
		b.receive(b.alert(nodefs))
		for _, by := range []string{"ann", "bob"} {
			if err := b.Pause(b.t.Context(), headroom.Pause{By: by}); err != nil {
				t.Fatal(err)
			}
			b.pass(5 * time.Second)
			if ep := b.held(nodefs, headroom.Paused, "resume"); ep.Detail != "by "+by {
				t.Errorf("%q", ep.Detail)
			}
		}
		count(t, b.Metrics.refusals.WithLabelValues("n1", string(nodefs), string(headroom.Paused)), 1)
	})
}

func TestAPauseIsNotShortenedByAnother(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{})
		now := time.Now()
		for _, c := range []struct {
			sentence string
			until    time.Time
			want     error
		}{
			{"the first", now.Add(time.Hour), nil},
			{"a shorter one", now.Add(time.Minute), headroom.ErrConflict},
			{"a longer one", now.Add(2 * time.Hour), nil},
			{"one without an end", time.Time{}, nil},
			{"one with an end", now.Add(3 * time.Hour), headroom.ErrConflict},
			{"another without", time.Time{}, nil},
		} {
			if err := b.Pause(b.t.Context(), headroom.Pause{By: "ann", Until: c.until}); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.sentence, err, c.want)
			}
		}
		time.Sleep(24 * time.Hour)
		if p := b.control(nil).Pause; p == nil || !p.Until.IsZero() {
			t.Errorf("%+v", p)
		}
	})
}
