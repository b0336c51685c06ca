package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nodeheadroom/headroom/node/poll"
)

// ErrNone says that no runtime is to be asked.
var ErrNone = errors.New("no container runtime is configured: give --runtime.endpoint")

// errNotAsked is what is known before the first answer.
var errNotAsked = errors.New("the container runtime has not answered yet")

// Keep is how long the last answer counts once the runtime has begun to fail. A
// runtime does not move its files while it is down, and a full disk, when they
// matter most, may keep it down for hours.
const Keep = 24 * time.Hour

// patience is longer than Ask takes, unless the socket lies on a filesystem that
// hangs.
const patience = answerTimeout + time.Second

// A Source keeps what a runtime said last. It is safe for concurrent use.
type Source struct {
	ask  func(context.Context) (Filesystems, error) // nil for none
	log  *slog.Logger
	poll *poll.Poll[Filesystems]
}

// NewSource returns a source that asks at an endpoint, as Ask does; an empty one
// is no runtime. It asks nothing yet. log hears when the outcome of asking
// changes; nil is silent.
func NewSource(endpoint string, log *slog.Logger) *Source {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Source{log: log}
	if endpoint != "" {
		s.ask = func(ctx context.Context) (Filesystems, error) { return Ask(ctx, endpoint) }
	}
	q := poll.Question[Filesystems]{
		Call: s.look, Patience: patience,
		Late: fmt.Sprintf("container runtime at %s: not even its socket answers", endpoint),
	}
	s.poll = poll.New(errNotAsked, q.Ask, s.report)
	return s
}

func (s *Source) look(ctx context.Context) (Filesystems, error) {
	if s.ask == nil {
		return Filesystems{}, ErrNone
	}
	return s.ask(ctx)
}

// Run asks at once and then every interval, until ctx ends.
func (s *Source) Run(ctx context.Context, interval time.Duration) { s.poll.Run(ctx, interval) }

// Ready is closed once the first question is over, however it ended.
func (s *Source) Ready() <-chan struct{} { return s.poll.Ready() }

// Refresh asks now, after any question that is under way. One that hangs is given
// up in time, and left behind.
func (s *Source) Refresh(ctx context.Context) error { return s.poll.Refresh(ctx) }

// report logs why there was no answer, or where the files are, when that is news.
func (s *Source) report(before, now poll.Record[Filesystems]) {
	switch {
	case errors.Is(now.Err, ErrNone) || poll.Alike(before.Err, now.Err):
	case now.Err != nil:
		s.log.Error("asking the container runtime", "err", now.Err)
	case before.Err != nil || now.Good != before.Good:
		s.log.Info("asked the container runtime", "images", now.Good.Images, "containers", now.Good.Containers)
	}
}

// Filesystems returns the last good answer, without waiting for anything. While
// questions fail it stays good for Keep; after that, and before the first, the
// error says why there is none: it is ErrNone where no runtime is to be asked.
func (s *Source) Filesystems() (Filesystems, error) {
	if s.ask == nil {
		return Filesystems{}, ErrNone
	}
	r := s.poll.Record()
	if r.At.IsZero() {
		return Filesystems{}, r.Err
	}
	if age := time.Since(r.At); r.Err != nil && age > Keep {
		return Filesystems{}, fmt.Errorf("the last answer is %s old: %w", age.Round(time.Second), r.Err)
	}
	return r.Good, nil
}

// Last returns how the last question ended, and how long it took.
func (s *Source) Last() (time.Duration, error) {
	r := s.poll.Record()
	return r.Took, r.Err
}
