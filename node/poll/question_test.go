package poll

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestQuestionThatHangsIsNotAskedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		var calls atomic.Int32
		q := Question[int]{Patience: 5 * time.Second, Late: "it does not answer", Call: func(context.Context) (int, error) {
			n := calls.Add(1)
			if n == 1 {
				<-released
			}
			return int(n), nil
		}}
		for range 3 {
			began := time.Now()
			_, err := q.Ask(t.Context())
			if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "it does not answer: context deadline exceeded" {
				t.Errorf("while it hangs: %v", err)
			}
			if waited := time.Since(began); waited != q.Patience { // by the bubble's clock
				t.Errorf("it was waited for %s", waited)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d are under way", n)
		}
		close(released)
		if got, err := q.Ask(t.Context()); got != 2 || err != nil {
			t.Errorf("afterwards its answer is %d, %v: want that of a second call", got, err)
		}
	})
}

func TestQuestionIsGivenUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan error, 1)
		q := Question[int]{Patience: time.Hour, Call: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			told <- ctx.Err()
			return 0, ctx.Err()
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.Ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := <-told; err == nil {
			t.Error("the call does not hear of it")
		}
	})
}

func TestQuestionReturnsWhatItsCallDoes(t *testing.T) {
	refused := errors.New("refused")
	q := Question[int]{Patience: time.Minute, Late: "late", Call: func(context.Context) (int, error) { return 7, refused }}
	if got, err := q.Ask(t.Context()); got != 7 || err != refused {
		t.Errorf("%d, %v", got, err)
	}
}
