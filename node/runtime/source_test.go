package runtime

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	here    = Filesystems{"/var/lib/containerd/x", "/var/lib/containerd/x"}
	there   = Filesystems{"/data/x", "/data/x"}
	errDown = errors.New("connection refused")
)

type answer struct {
	found Filesystems
	err   error
}

// A script is a runtime whose answer the test decides.
type script struct{ now atomic.Value }

func (s *script) source(first answer, log *slog.Logger) *Source {
	s.now.Store(first)
	source := NewSource("unix:///run/s", log)
	source.ask = func(context.Context) (Filesystems, error) {
		a := s.now.Load().(answer)
		return a.found, a.err
	}
	return source
}

func TestWithoutAnEndpointThereIsNone(t *testing.T) {
	s := NewSource("", nil)
	if err := s.Refresh(t.Context()); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	<-s.Ready()
	if _, err := s.Filesystems(); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := s.Last(); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func TestSourceAsksAtItsEndpoint(t *testing.T) {
	s := NewSource(serve(t, says(frame(response("/a", "/b")), "Grpc-Status", "0"), grpc), nil)
	if _, err := s.Filesystems(); err == nil || !strings.Contains(err.Error(), "has not answered yet") {
		t.Errorf("before it is asked: %v", err)
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Filesystems(); err != nil || got != (Filesystems{"/a", "/b"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if took, err := s.Last(); err != nil || took <= 0 {
		t.Errorf("%s, %v", took, err)
	}
}

func TestLastAnswerIsKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runtime script
		s := runtime.source(answer{err: errDown}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx, 30*time.Second); close(done) }()
		<-s.Ready()
		check := func(when string, want Filesystems, failure string) {
			t.Helper()
			synctest.Wait()
			got, err := s.Filesystems()
			if got != want || (failure == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), failure) {
				t.Errorf("%s: %+v, %v", when, got, err)
			}
		}
		check("before the first answer", Filesystems{}, "connection refused")
		runtime.now.Store(answer{found: here})
		time.Sleep(time.Minute) // of the bubble's clock
		check("once it runs", here, "")
		time.Sleep(2 * Keep)
		check("much later", here, "")
		runtime.now.Store(answer{err: errDown})
		time.Sleep(Keep - time.Minute)
		check("while it is down", here, "")
		if _, err := s.Last(); !errors.Is(err, errDown) {
			t.Errorf("the last question ended with %v", err)
		}
		time.Sleep(2 * time.Minute)
		check("after too long", Filesystems{}, "old: connection refused")
		runtime.now.Store(answer{found: there})
		time.Sleep(time.Minute)
		check("when another one runs", there, "")
		cancel()
		<-done
	})
}

func TestQuestionThatIsCutShortSaysNothing(t *testing.T) {
	s := new(script).source(answer{found: here}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got, err := s.Filesystems(); err == nil {
		t.Errorf("%+v", got)
	}
}

func TestOnlyNewsIsLogged(t *testing.T) {
	var log strings.Builder
	var runtime script
	s := runtime.source(answer{}, slog.New(slog.NewTextHandler(&log, nil)))
	for i, c := range []struct {
		answer
		lines int // of the log, from the beginning
	}{
		{answer{err: errDown}, 1},
		{answer{err: errDown}, 1},
		{answer{found: here}, 2},
		{answer{found: here}, 2},
		{answer{found: there}, 3},
		{answer{err: errDown}, 4},
		{answer{err: errors.New("timeout")}, 5},
		{answer{found: there}, 6},
	} {
		runtime.now.Store(c.answer)
		s.Refresh(t.Context())
		if got := strings.Count(log.String(), "\n"); got != c.lines {
			t.Errorf("%d: %d lines, want %d:\n%s", i, got, c.lines, log.String())
		}
	}
	if !strings.Contains(log.String(), "images=/data/x containers=/data/x") {
		t.Errorf("the filesystems are not named:\n%s", log.String())
	}
}

// Its socket may lie on a filesystem that hangs.
func TestRuntimeThatCannotBeCalledBackIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var calls atomic.Int32
		s := NewSource("unix:///run/s", nil)
		s.ask = func(context.Context) (Filesystems, error) {
			if calls.Add(1) == 1 {
				<-hang
			}
			return here, nil
		}
		for range 2 {
			if err := s.Refresh(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "/run/s") {
				t.Errorf("while it hangs: %v", err)
			}
		}
		close(hang)
		if err := s.Refresh(t.Context()); err != nil || calls.Load() != 2 {
			t.Errorf("afterwards: %v, asked %d times", err, calls.Load())
		}
	})
}
