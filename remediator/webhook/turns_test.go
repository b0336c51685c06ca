package webhook

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoComesWhileOneRunsWaitsForTheNextTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var askings []time.Duration // since the beginning
		began := time.Now()
		ask := func() error {
			askings = append(askings, time.Since(began))
			time.Sleep(3 * time.Second)
			return nil
		}
		var wg sync.WaitGroup
		come := func(after time.Duration, key string, done time.Duration) {
			wg.Go(func() {
				time.Sleep(after)
				if err := turns.do(t.Context(), key, ask); err != nil {
					t.Error(err)
				}
				if got := time.Since(began); got != done {
					t.Errorf("who came for %s after %s was answered after %s, want %s", key, after, got, done)
				}
			})
		}
		come(0, "a", 3*time.Second)
		come(1*time.Second, "a", 6*time.Second)
		come(2*time.Second, "a", 6*time.Second)
		come(2500*time.Millisecond, "b", 9*time.Second) // one at a time, whatever is asked for
		come(4*time.Second, "b", 9*time.Second)
		wg.Wait()
		if len(askings) != 3 {
			t.Errorf("asked at %v, want 3 times", askings)
		}
		if len(turns.waiting) != 0 || len(turns.slot) != 0 {
			t.Errorf("something is left: %v", turns.waiting)
		}
	})
}

func TestWhoCannotWaitLeavesAndHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		slow := func() error { time.Sleep(10 * time.Second); return errTooLate }
		var wg sync.WaitGroup
		come := func(within time.Duration, want error) {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), within)
				defer cancel()
				if err := turns.do(ctx, "a", slow); !errors.Is(err, want) {
					t.Errorf("within %s: %v, want %v", within, err, want)
				}
			})
			synctest.Wait()
		}
		come(time.Minute, errTooLate)                 // runs
		come(1*time.Second, context.DeadlineExceeded) // leads the next, and gives up
		come(time.Minute, context.DeadlineExceeded)   // joined that one: comes again
		time.Sleep(2 * time.Second)
		come(500*time.Millisecond, context.DeadlineExceeded) // leads another
		time.Sleep(time.Second)
		come(time.Minute, errTooLate) // runs after the first
		wg.Wait()
		if len(turns.waiting) != 0 || len(turns.slot) != 0 {
			t.Errorf("something is left: %v", turns.waiting)
		}
	})
}

var errTooLate = errors.New("too late")
