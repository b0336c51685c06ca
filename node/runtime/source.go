package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrNone says that no runtime is to be asked.
var ErrNone = errors.New("no container runtime is configured: give --runtime.endpoint")

// errNotAsked is what is known before the first answer.
var errNotAsked = errors.New("the container runtime has not answered yet")

// Keep is how long the last answer counts once the runtime has begun to fail. A
// runtime does not move its files while it is down, and a full disk, when they
// matter most, may keep it down for hours.
const Keep = 24 * time.Hour

// A Source keeps what a runtime said last. It is safe for concurrent use.
type Source struct {
	ask func(context.Context) (Filesystems, error) // nil for none
	log *slog.Logger

	asking sync.Mutex // one question at a time
	ready  chan struct{}

	mu   sync.Mutex
	good Filesystems // the last good answer
	read time.Time   // when it came; zero before the first
	err  error       // of the last question
	took time.Duration
}

// NewSource returns a source that asks at an endpoint, as Ask does; an empty one
// is no runtime. It asks nothing yet. log hears when the outcome of asking
// changes; nil is silent.
func NewSource(endpoint string, log *slog.Logger) *Source {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Source{log: log, ready: make(chan struct{}), err: errNotAsked}
	if endpoint != "" {
		s.ask = func(ctx context.Context) (Filesystems, error) { return Ask(ctx, endpoint) }
	}
	return s
}

// Run asks at once and then every interval, until ctx ends.
func (s *Source) Run(ctx context.Context, interval time.Duration) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		s.Refresh(ctx) // its outcome is kept and, where it is news, logged
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// Ready is closed once the first question is over, however it ended.
func (s *Source) Ready() <-chan struct{} { return s.ready }

// Refresh asks now, after any question that is under way.
func (s *Source) Refresh(ctx context.Context) error {
	s.asking.Lock()
	defer s.asking.Unlock()
	began := time.Now()
	var found Filesystems
	err := ErrNone
	if s.ask != nil {
		found, err = s.ask(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err() // says nothing about the runtime
	}
	s.keep(found, err, time.Since(began))
	return err
}

func (s *Source) keep(found Filesystems, err error, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(found, err)
	s.err, s.took = err, took
	if err == nil {
		s.good, s.read = found, time.Now()
	}
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
}

// report logs err, or where the files are, when that is news.
func (s *Source) report(found Filesystems, err error) {
	switch {
	case errors.Is(err, ErrNone) || err != nil && s.err != nil && s.err.Error() == err.Error():
	case err != nil:
		s.log.Error("asking the container runtime", "err", err)
	case s.err != nil || found != s.good:
		s.log.Info("asked the container runtime", "images", found.Images, "containers", found.Containers)
	}
}

// Filesystems returns the last good answer, without waiting for anything. While
// questions fail it stays good for Keep; after that, and before the first, the
// error says why there is none: it is ErrNone where no runtime is to be asked.
func (s *Source) Filesystems() (Filesystems, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ask == nil {
		return Filesystems{}, ErrNone
	}
	if s.read.IsZero() {
		return Filesystems{}, s.err
	}
	if age := time.Since(s.read); s.err != nil && age > Keep {
		return Filesystems{}, fmt.Errorf("the last answer is %s old: %w", age.Round(time.Second), s.err)
	}
	return s.good, nil
}

// Last returns how the last question ended, and how long it took.
func (s *Source) Last() (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took, s.err
}
