package kubelet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNone says that there is nothing to read thresholds from: no source is
// configured, or none but that a kubelet might run here, which none does.
var ErrNone = errors.New("no source of thresholds is configured: give --kubelet.url, --kubelet.config, --kubelet.log or --kubelet.assume")

// errNotRead is what is known before the first read is over.
var errNotRead = errors.New("the kubelet's configuration has not been read yet")

// Keep is how long the last good configuration counts once its source has begun
// to fail: longer than a kubelet takes to restart, shorter than an upgrade of a
// node. Then the next source counts. One that has never answered is not waited
// for.
const Keep = 15 * time.Minute

// A Source keeps what it last read of a kubelet's configuration. It is safe for
// concurrent use.
type Source struct {
	origins []*origin
	log     *slog.Logger
	// version is what is known of the kubelet's, for those who read files; given is
	// the one of the options.
	version atomic.Pointer[string]
	given   string

	refreshing sync.Mutex // one read at a time
	ready      chan struct{}

	mu   sync.Mutex
	good *Configuration // the last good one
	err  error          // of the last read
	took time.Duration  // by it
}

// NewSource checks the options. It reads nothing.
func NewSource(o Options) (*Source, error) {
	s := &Source{log: o.Logger, given: o.Version, ready: make(chan struct{}), err: errNotRead}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if o.Version != "" && parseRelease(o.Version) == 0 {
		return nil, fmt.Errorf("kubelet version: %q is not one such as v1.29.4", o.Version)
	}
	s.version.Store(&s.given)
	if o.URL != "" {
		c, err := newClient(o)
		if err != nil {
			return nil, err
		}
		s.add(&origin{name: FromConfigz, where: c.base, read: c.read, patience: requestPatience})
	}
	if o.Proc != "" {
		k := &running{proc: o.Proc, rootDir: o.RootDir, release: s.release}
		s.add(&origin{name: FromFlags, where: o.Proc, read: k.configuration, mayBeMissing: true})
	}
	if o.ConfigFile != "" {
		s.add(&origin{name: FromFiles, where: o.ConfigFile, read: (&file{path: o.ConfigFile, release: s.release}).read})
	}
	if o.LogFile != "" {
		s.add(&origin{name: FromLog, where: o.LogFile, read: (&logFile{path: o.LogFile, release: s.release}).read})
	}
	if o.AssumeFile != "" {
		s.add(&origin{name: Assumed, where: o.AssumeFile, read: (&file{path: o.AssumeFile, release: s.release}).read})
	}
	return s, nil
}

func (s *Source) add(o *origin) {
	if o.patience == 0 {
		o.patience = filePatience
	}
	s.origins = append(s.origins, o)
}

func (s *Source) release() release { return parseRelease(*s.version.Load()) }

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
// in time: what it needs may lie on the very filesystem that hangs. The error says
// why nothing could be read.
func (s *Source) Refresh(ctx context.Context) error {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	began := time.Now()
	c, err := s.look(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // says nothing about the kubelet
	}
	s.keep(c, err, time.Since(began))
	if c != nil {
		return nil
	}
	return err
}

// look asks one origin after the other until one answers, or has answered not
// long ago. With an answer the error is that of origins which should have answered
// before.
func (s *Source) look(ctx context.Context) (*Configuration, error) {
	if len(s.origins) == 0 {
		return nil, ErrNone
	}
	var failed, expected []error
	for i, o := range s.origins {
		c, err := o.ask(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			s.complete(ctx, o, c)
			s.passOver(s.origins[:i], failed)
			return c, errors.Join(expected...)
		}
		failed = append(failed, err)
		if !o.mayBeMissing {
			expected = append(expected, err)
		}
		if o.counts() {
			break
		}
	}
	if len(expected) == 0 && !s.everRead() && errors.Is(failed[0], errNoProcess) {
		return nil, fmt.Errorf("%w: %w", ErrNone, failed[0])
	}
	return nil, errors.Join(failed...)
}

// passOver logs why origins that may be missing were not taken, when that is news.
func (s *Source) passOver(origins []*origin, errs []error) {
	for i, o := range origins {
		if o.mayBeMissing && o.news(errs[i]) {
			s.log.Info("passing over a source of thresholds", "source", o.name, "err", errs[i])
		}
	}
}

// complete adds to a kubelet's own word what only its command line says, and what
// would become of its files.
func (s *Source) complete(ctx context.Context, from *origin, c *Configuration) {
	if from.name != FromConfigz {
		c.Version = cmp.Or(c.Version, *s.version.Load())
		return
	}
	c.Version = cmp.Or(c.Version, s.given)
	version := c.Version
	s.version.Store(&version)
	for _, o := range s.origins {
		if o.name != FromFlags && o.name != FromFiles {
			continue
		}
		disk, err := o.await(ctx)
		if err != nil {
			s.log.Debug("comparing the kubelet's configuration with its files", "err", err)
			continue
		}
		c.beside(disk)
		return
	}
}

func (s *Source) everRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.good != nil
}

func (s *Source) keep(c *Configuration, err error, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(c, err)
	s.err, s.took = err, took
	if c != nil {
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
	from := ""
	if c != nil {
		from = c.Source
	}
	before := ""
	if s.good != nil {
		before = s.good.Source
	}
	same := s.err != nil && err != nil && s.err.Error() == err.Error()
	switch {
	case errors.Is(err, ErrNone) && !same:
		s.log.Warn("there will be no thresholds", "reason", err)
	case err != nil && !same:
		s.log.Error("reading the kubelet's configuration", "err", err)
	}
	if c != nil && (from != before || err == nil && s.err != nil) {
		s.log.Info("read the kubelet's configuration", "from", from, "kubelet_version", c.Version, "thresholds", len(c.Thresholds))
	}
}

// Configuration returns the last good configuration, without waiting for
// anything. While reads fail it stays good for Keep; after that, and before the
// first, the error says why there is none: it is ErrNone where there is nothing to
// read.
func (s *Source) Configuration() (*Configuration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.origins) == 0 {
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

// Last returns how the last read ended, and how long it took. It is an error, too,
// where another source than the first that is configured had to be read.
func (s *Source) Last() (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took, s.err
}
