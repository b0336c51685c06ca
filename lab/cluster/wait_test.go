package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		err := Wait(t.Context(), "the third", func(context.Context) error {
			if asked++; asked < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		if err != nil || time.Since(began) != 200*time.Millisecond {
			t.Errorf("it took %s: %v", time.Since(began), err)
		}
		err = Wait(t.Context(), "nothing", func(context.Context) error { return errors.New("never") })
		if err == nil || !strings.Contains(err.Error(), "wait for nothing") || !strings.Contains(err.Error(), "never") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took < Patience || took > Patience+time.Second {
			t.Errorf("it waited %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = Wait(ctx, "less", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		began = time.Now()
		err = Wait(t.Context(), "the dead", func(context.Context) error { return &endedError{"etcd", "panic"} })
		if err == nil || !strings.Contains(err.Error(), "panic") || time.Since(began) != 0 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
