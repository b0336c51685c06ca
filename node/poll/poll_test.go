package poll

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	errUnasked = errors.New("not asked yet")
	errRefused = errors.New("refused")
)

type answer struct {
	said int
	err  error
}

// polling returns a poll of what answer says, and the news of it.
func polling(a *answer) (*Poll[int], *[][2]Record[int]) {
	var heard [][2]Record[int]
	p := New(errUnasked,
		func(context.Context) (int, error) { return a.said, a.err },
		func(before, now Record[int]) { heard = append(heard, [2]Record[int]{before, now}) })
	return p, &heard
}

func TestLastGoodAnswerIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a answer
		p, heard := polling(&a)
		start := time.Now()
		want := Record[int]{Err: errUnasked}
		for i, step := range []struct {
			answer
			now Record[int]
		}{
			{answer{0, errRefused}, Record[int]{Asked: true, Err: errRefused}},
			{answer{5, nil}, Record[int]{Good: 5, At: start.Add(2 * time.Minute), Asked: true}},
			{answer{6, errRefused}, Record[int]{Good: 5, At: start.Add(2 * time.Minute), Asked: true, Err: errRefused}},
			{answer{0, nil}, Record[int]{Good: 0, At: start.Add(4 * time.Minute), Asked: true}},
		} {
			if diff := cmp.Diff(want, p.Record(), cmpopts.EquateErrors()); diff != "" {
				t.Errorf("before question %d (-want +got):\n%s", i, diff)
			}
			time.Sleep(time.Minute) // of the bubble's clock
			a = step.answer
			if err := p.Refresh(t.Context()); err != a.err {
				t.Errorf("question %d: %v", i, err)
			}
			last := (*heard)[len(*heard)-1]
			if diff := cmp.Diff([2]Record[int]{want, step.now}, last, cmpopts.EquateErrors()); diff != "" || len(*heard) != i+1 {
				t.Errorf("news of question %d (-want +got):\n%s", i, diff)
			}
			want = step.now
		}
	})
}

func TestQuestionThatIsCutShortIsNotKept(t *testing.T) {
	p, heard := polling(&answer{said: 5})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case <-p.Ready():
		t.Error("it counts as asked")
	default:
	}
	if r := p.Record(); r.Asked || len(*heard) != 0 {
		t.Errorf("%+v is kept, and %d news of it", r, len(*heard))
	}
}

func TestOnlyOneAsksAtATime(t *testing.T) {
	var asking atomic.Int32
	p := New(nil, func(context.Context) (int, error) {
		if n := asking.Add(1); n != 1 {
			t.Errorf("%d ask", n)
		}
		for range 100 {
			runtime.Gosched() // to whoever else would ask
		}
		asking.Add(-1)
		return 0, nil
	}, func(_, _ Record[int]) {})
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { p.Refresh(t.Context()) })
	}
	all.Wait()
}

func TestPollAsksAtOnceAndThenEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, heard := polling(&answer{said: 5})
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		done := make(chan struct{})
		go func() { defer close(done); p.Run(ctx, time.Minute) }()
		<-p.Ready()
		if at := p.Record().At; !at.Equal(time.Now()) {
			t.Errorf("first asked at %s", at)
		}
		<-done
		if got := len(*heard); got != 3 {
			t.Errorf("asked %d times in two and a half minutes", got)
		}
	})
}

func TestAlikeAreFailuresThatReadTheSame(t *testing.T) {
	for _, c := range []struct {
		before, now error
		want        bool
	}{
		{nil, nil, false},
		{errRefused, nil, false},
		{nil, errRefused, false},
		{errRefused, errUnasked, false},
		{errRefused, errors.New("refused"), true},
	} {
		if got := Alike(c.before, c.now); got != c.want {
			t.Errorf("%v, %v: %t", c.before, c.now, got)
		}
	}
}
