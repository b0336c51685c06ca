package kubelet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Options say where to look: at URL, else at ConfigFile, else at AssumeFile.
type Options struct {
	// URL is a kubelet's, such as https://127.0.0.1:10250.
	URL string
	// TokenFile holds a bearer token. It is read for every request.
	TokenFile string
	// CAFile verifies the kubelet's certificate instead of the system's roots.
	CAFile string
	// CertFile and KeyFile are a client certificate, read for every request.
	CertFile, KeyFile string
	// InsecureSkipVerify takes any certificate for the kubelet's.
	InsecureSkipVerify bool
	// ConfigFile is the KubeletConfiguration of the kubelet on this machine.
	ConfigFile string
	// AssumeFile is a KubeletConfiguration to assume where no kubelet is.
	AssumeFile string
	// Logger hears when the outcome of reading changes. Nil is silent.
	Logger *slog.Logger
}

// ErrNone says that no source is configured.
var ErrNone = errors.New("no source of thresholds is configured: give --kubelet.url, --kubelet.config or --kubelet.assume")

// errNotRead is what is known before the first read is over.
var errNotRead = errors.New("the kubelet's configuration has not been read yet")

// Keep is how long the last good configuration counts once its source has begun
// to fail: longer than a kubelet takes to restart, shorter than an upgrade of a
// node.
const Keep = 15 * time.Minute

// A Source keeps what it last read of a kubelet's configuration. It is safe for
// concurrent use.
type Source struct {
	name  string // of the source in metrics; empty for none
	where string // a URL or a path
	read  func(context.Context) (*Configuration, error)
	log   *slog.Logger

	refreshing sync.Mutex // one read at a time
	// pending is the read that an earlier Refresh gave up waiting for. There is
	// never a second one.
	pending chan outcome
	ready   chan struct{}

	mu   sync.Mutex
	good *Configuration // the last good one
	err  error          // of the last read
	took time.Duration  // by it
}

// patience is how long a read is waited for: as long as a kubelet may take for its
// two answers, and a moment for the files that are read beside them.
const patience = 2*answerTimeout + time.Second

// An outcome is what a read came to.
type outcome struct {
	configuration *Configuration
	err           error
}

// NewSource checks the options. It reads nothing.
func NewSource(o Options) (*Source, error) {
	s := &Source{log: o.Logger, ready: make(chan struct{}), err: errNotRead}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.URL != "":
		c, err := newClient(o)
		if err != nil {
			return nil, err
		}
		s.name, s.where, s.read = FromConfigz, c.base, c.read
	case o.ConfigFile != "":
		s.name, s.where, s.read = FromFiles, o.ConfigFile, (&file{path: o.ConfigFile}).read
	case o.AssumeFile != "":
		s.name, s.where, s.read = Assumed, o.AssumeFile, (&file{path: o.AssumeFile}).read
	}
	return s, nil
}

// Run reads at once and then every interval, until ctx ends.
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

// Ready is closed once the first read is over, however it ended.
func (s *Source) Ready() <-chan struct{} { return s.ready }

// Refresh reads now, after any read that is under way. One that hangs is given up
// in time: what it needs may lie on the very filesystem that hangs.
func (s *Source) Refresh(ctx context.Context) error {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	began := time.Now()
	var c *Configuration
	err := ErrNone
	if s.read != nil {
		c, err = s.await(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err() // says nothing about the kubelet
	}
	s.keep(c, err, time.Since(began))
	return err
}

// await reads as long as ctx and patience allow. Whatever hangs is left behind,
// and what it says in the end is not news.
func (s *Source) await(ctx context.Context) (*Configuration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		fresh := s.pending == nil
		if fresh {
			pending := make(chan outcome, 1) // whoever reads may have left
			s.pending = pending
			go func() {
				c, err := s.read(ctx)
				pending <- outcome{c, err}
			}()
		}
		select {
		case o := <-s.pending:
			s.pending = nil
			if fresh {
				return o.configuration, o.err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: a file that is read for it does not answer: %w", s.where, ctx.Err())
		}
	}
}

func (s *Source) keep(c *Configuration, err error, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(c, err)
	s.err, s.took = err, took
	if err == nil {
		c.Source, c.Read = s.name, time.Now()
		s.good = c
	}
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
}

// report logs err, or that all is well, when that is news.
func (s *Source) report(c *Configuration, err error) {
	switch {
	case err != nil && s.err != nil && s.err.Error() == err.Error():
	case errors.Is(err, ErrNone):
		s.log.Warn("there will be no thresholds", "reason", err)
	case err != nil:
		s.log.Error("reading the kubelet's configuration", "from", s.name, "err", err)
	case s.err != nil:
		s.log.Info("read the kubelet's configuration", "from", s.name, "kubelet_version", c.Version, "thresholds", len(c.Thresholds))
	}
}

// Configuration returns the last good configuration, without waiting for
// anything. While reads fail it stays good for Keep; after that, and before the
// first, the error says why there is none: it is ErrNone where no source is
// configured.
func (s *Source) Configuration() (*Configuration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil {
		return nil, ErrNone
	}
	if s.good == nil {
		return nil, s.err
	}
	if age := time.Since(s.good.Read); age > Keep {
		err := s.err
		if err == nil {
			err = errors.New("it has not been read since")
		}
		return nil, fmt.Errorf("last good configuration is %s old: %w", age.Round(time.Second), err)
	}
	return s.good, nil
}

// Last returns how the last read ended, and how long it took.
func (s *Source) Last() (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took, s.err
}
