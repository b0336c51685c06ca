package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// beside lets somebody else act, as far as they get while we wait.
func beside(act func()) {
	go act()
	synctest.Wait()
}

// meant calls act once, when a rung's intent has just been written down and
// nothing of it was done.
func (b *bench) meant(act func()) {
	b.store.saved = func(c headroom.Case) {
		if ep := c.Last(); len(ep.Rungs) > 0 && ep.Rungs[len(ep.Rungs)-1].Outcome == "" {
			b.store.saved = nil
			beside(act)
		}
	}
}

func TestWhatIsStoppedBetweenIntentAndActIsNotDone(t *testing.T) {
	for name, c := range map[string]struct {
		stop  func(*bench) error
		state string
	}{
		"cancelled": {func(b *bench) error { return b.Cancel(context.Background(), string(nodefs), "ann") }, "OverCancelled"},
		"paused":    {func(b *bench) error { return b.Pause(context.Background(), headroom.Pause{By: "ann"}) }, "Waitingpause"},
		"a storm": {func(b *bench) error {
			b.storm(0, 20)
			return nil
		}, "Waitingbreaker"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *bench) {
				dig := &digger{pieces: []int64{200}}
				b.on(dig).disk.set(120)
				b.meant(func() {
					if err := c.stop(b); err != nil {
						t.Error(err)
					}
				})
				b.receive(b.alert(nodefs))
				b.pass(10 * time.Second)
				ep := b.want(nodefs, 1, c.state, "dig interrupted")
				if removed := ep.Rungs[0].Removed; removed == nil || *removed != (headroom.Amount{}) || len(dig.pieces) != 1 {
					t.Errorf("removed %v", removed)
				}
			})
		})
	}
}

func TestWhatIsStoppedWhileItIsPlannedIsNotDone(t *testing.T) {
	for name, c := range map[string]struct {
		stop  func(*bench) error
		state string
	}{
		"cancelled": {func(b *bench) error { return b.Cancel(context.Background(), string(nodefs), "ann") }, "OverCancelled"},
		"paused":    {func(b *bench) error { return b.Pause(context.Background(), headroom.Pause{By: "ann"}) }, "Waitingpause"},
		"opted out": {func(b *bench) error {
			b.OptOut = func(context.Context) (string, error) { return "its owner said so", nil }
			return nil
		}, "Waitingopt-out"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *bench) {
				dig := &digger{pieces: []int64{200}}
				b.on(dig).disk.set(120)
				dig.plan = func() {
					dig.plan = nil
					if err := c.stop(b); err != nil {
						t.Error(err)
					}
				}
				b.receive(b.alert(nodefs))
				b.pass(10 * time.Second)
				b.want(nodefs, 1, c.state)
				if dig.applied() != 0 {
					t.Errorf("applied %d times", dig.applied())
				}
				count(t, b.Metrics.storeErrors, 0) // that two write is no trouble of the store's
			})
		})
	}
}

func TestWhatARungDidIsOnRecordHoweverLateItIsCancelled(t *testing.T) {
	play(t, func(b *bench) {
		// What it claims does not show: it is read again for two seconds.
		b.on(&digger{claims: 70}).disk.set(120)
		b.receive(b.alert(nodefs))
		time.AfterFunc(time.Second, func() {
			if err := b.Cancel(context.Background(), string(nodefs), "ann"); err != nil {
				t.Error(err)
			}
		})
		b.pass(10 * time.Second)
		ep := b.want(nodefs, 1, "OverCancelled", "dig done")
		if removed := ep.Rungs[0].Removed; removed == nil || removed.Bytes != 70 {
			t.Errorf("removed %v", removed)
		}
		count(t, b.Metrics.storeErrors, 0)
	})
}

// cut leaves a rung without an outcome, as a program that was killed does.
func (b *bench) cut(f *finisher) {
	b.t.Helper()
	b.receive(b.alert(nodefs))
	hold := make(chan struct{})
	f.hold, f.dig = hold, func() { b.store.refuseSave = errTest }
	b.pass(5 * time.Second)
	b.store.refuseSave, f.dig, f.hold = nil, nil, nil
	if r := b.last(nodefs).Rungs; len(r) != 1 || r[0].Outcome != "" {
		b.t.Fatalf("rungs %+v", r)
	}
}

func TestWhatWasCutShortIsFinishedThoughSomebodyCancelledFirst(t *testing.T) {
	play(t, func(b *bench) {
		f := &finisher{digger: &digger{name: "dig", pieces: []int64{200}}}
		b.on(f.digger).with(f).disk.set(120)
		b.cut(f)
		b.on(f.digger).with(f)
		if err := b.Cancel(b.t.Context(), string(nodefs), "ann"); err != nil { // before the worker has looked
			t.Fatal(err)
		}
		b.pass(10 * time.Second)
		ep := b.want(nodefs, 1, "OverCancelled", "dig interrupted")
		if f.finished != 1 || fmt.Sprint(ep.Rungs[0].Notes) != "[carried to its end]" {
			t.Errorf("finished %d times, notes %v", f.finished, ep.Rungs[0].Notes)
		}
	})
}

func TestWhatWasCutShortIsFinishedBeforeWhatIsAskedThen(t *testing.T) {
	play(t, func(b *bench) {
		f := &finisher{digger: &digger{name: "dig", pieces: []int64{20}}}
		b.on(f.digger).with(f).disk.set(120)
		b.cut(f)
		f.pieces = []int64{200}
		b.on(f.digger).with(f)
		finished := 0
		f.plan = func() { finished = f.finished }
		if err := b.Cancel(b.t.Context(), string(nodefs), "ann"); err != nil { // before the worker has looked
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		b.ask("ann")
		b.pass(20 * time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
		if r := b.load(nodefs).Episodes[0].Rungs[0]; r.Outcome != headroom.RungInterrupted || f.finished != 1 || finished != 1 {
			t.Errorf("finished %d times, %d of them before the next plan; %+v", f.finished, finished, r)
		}
	})
}

func TestAProgramThatIsStoppedWhileItFinishesBeginsWithThatAgain(t *testing.T) {
	play(t, func(b *bench) {
		f := &finisher{digger: &digger{name: "dig", pieces: []int64{200}}}
		b.on(f.digger).with(f).disk.set(120)
		b.cut(f)
		ctx, cancel := context.WithCancelCause(b.t.Context())
		f.finish = func() { cancel(errors.New("stop")) }
		b.on(f.digger).with(f)
		b.Run(ctx)
		f.finish = nil
		b.on(f.digger).with(f)
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig interrupted", "dig done")
		if f.finished != 2 {
			t.Errorf("finished %d times", f.finished)
		}
	})
}

func TestWhatSomebodyCancelledDoesNotBeginAgainByItself(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(120)
		b.Policy.Cases[0].Ladder[0].Approval = true
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.held(nodefs, headroom.AwaitingApproval, "approve")
		if err := b.Cancel(b.t.Context(), string(nodefs), "ann"); err != nil {
			t.Fatal(err)
		}
		b.pass(2 * time.Hour)
		b.want(nodefs, 1, "OverCancelled")
		b.receive(b.alert(nodefs)) // it is delivered again
		b.pass(time.Minute)
		b.want(nodefs, 2, "Waitingapproval")
	})
}

func TestACaseRestsAfterSomebodyCancelled(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(300)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		if err := b.Cancel(b.t.Context(), string(nodefs), "ann"); err != nil {
			t.Fatal(err)
		}
		b.disk.set(120)
		time.Sleep(time.Second)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 2, "Waitingcooldown")
		b.pass(10 * time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

func TestWhoCancelsWhatWasPausedInTheMiddleEndsIt(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{claims: 70}).disk.set(120) // it takes two seconds to be over
		b.receive(b.alert(nodefs))
		time.AfterFunc(time.Second, func() {
			if err := b.Pause(context.Background(), headroom.Pause{By: "ann"}); err != nil {
				t.Error(err)
			}
			if err := b.Cancel(context.Background(), string(nodefs), "bob"); err != nil {
				t.Error(err)
			}
		})
		b.pass(10 * time.Second)
		if ep := b.want(nodefs, 1, "OverCancelled", "dig done"); ep.Detail != "by bob" {
			t.Errorf("cancelled %s", ep.Detail)
		}
	})
}

func TestACancelThatIsAnsweredIsDurable(t *testing.T) {
	for sentence, refused := range map[string]int32{"": 0, "though the worker could not write it down": 2} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				b.on(&digger{pieces: []int64{200}, hold: make(chan struct{})}).disk.set(120)
				b.receive(b.alert(nodefs))
				var answered atomic.Bool
				time.AfterFunc(5*time.Second, func() {
					b.store.refuseSaves.Store(refused)
					if err := b.Cancel(context.Background(), string(nodefs), "ann"); err != nil {
						t.Error(err)
					}
					answered.Store(true)
					if ep := b.last(nodefs); ep.Outcome != headroom.Cancelled {
						t.Errorf("what a restart would find: %+v", ep)
					}
				})
				b.pass(10 * time.Second)
				if b.want(nodefs, 1, "OverCancelled", "dig interrupted"); !answered.Load() {
					t.Error("no answer")
				}
			})
		})
	}
}

func TestARungThatDoesNotStopIsNotSaidToBeCancelled(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{claims: 70}).disk.set(120)
		b.receive(b.alert(nodefs))
		time.AfterFunc(time.Second, func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if err := b.Cancel(ctx, string(nodefs), "ann"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("answered %v before it was over", err)
			}
		})
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverCancelled", "dig done") // what was told holds all the same
	})
}

func TestWhatWasDeliveredBeforeSomebodyCancelledIsCancelled(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200, 200}, hold: make(chan struct{})}
		b.on(dig).disk.set(120)
		b.receive(b.alert(nodefs))
		time.AfterFunc(2*time.Second, func() { b.receive(b.alert(nodefs)) }) // while the rung is applied
		time.AfterFunc(4*time.Second, func() {
			if err := b.Cancel(context.Background(), string(nodefs), "ann"); err != nil {
				t.Error(err)
			}
		})
		b.pass(time.Hour)
		b.want(nodefs, 1, "OverCancelled", "dig interrupted")

		// What a person has done since does not bring it back.
		close(dig.hold)
		b.ask("ann")
		b.pass(time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
		b.disk.set(120)
		b.pass(time.Hour)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}
