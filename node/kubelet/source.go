package kubelet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nodeheadroom/headroom/node/poll"
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
	client  *client // nil where no kubelet is asked
	log     *slog.Logger
	// version is what is known of the kubelet's, for those who read files; given is
	// the one of the options.
	version atomic.Pointer[string]
	given   string

	poll *poll.Poll[reading]
}

// A reading is a configuration, and why origins that should have answered before
// did not.
type reading struct {
	configuration *Configuration
	failed        error
}

// NewSource checks the options. It reads nothing.
func NewSource(o Options) (*Source, error) {
	s := &Source{log: o.Logger, given: o.Version}
	s.poll = poll.New(errNotRead, s.look, s.report)
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
		s.client = c
		s.add(newOrigin(FromConfigz, c.base, requestPatience, c.read))
	}
	if o.Proc != "" {
		k := &running{proc: o.Proc, rootDir: o.RootDir, release: s.release}
		found := newOrigin(FromFlags, o.Proc, filePatience, k.configuration)
		found.mayBeMissing = true
		s.add(found)
	}
	if o.ConfigFile != "" {
		s.add(newOrigin(FromFiles, o.ConfigFile, filePatience, (&file{path: o.ConfigFile, release: s.release}).read))
	}
	if o.LogFile != "" {
		s.add(newOrigin(FromLog, o.LogFile, filePatience, (&logFile{path: o.LogFile, release: s.release}).read))
	}
	if o.AssumeFile != "" {
		s.add(newOrigin(Assumed, o.AssumeFile, filePatience, (&file{path: o.AssumeFile, release: s.release}).read))
	}
	return s, nil
}

func (s *Source) add(o *origin) { s.origins = append(s.origins, o) }

func (s *Source) release() release { return parseRelease(*s.version.Load()) }

// Run reads at once and then every interval, until ctx ends.
func (s *Source) Run(ctx context.Context, interval time.Duration) { s.poll.Run(ctx, interval) }

// Ready is closed once the first read is over, however it ended.
func (s *Source) Ready() <-chan struct{} { return s.poll.Ready() }

// Refresh reads now, after any read that is under way. One that hangs is given up
// in time: what it needs may lie on the very filesystem that hangs. The error says
// why nothing could be read.
func (s *Source) Refresh(ctx context.Context) error { return s.poll.Refresh(ctx) }

// look asks one origin after the other until one answers, or has answered not
// long ago.
func (s *Source) look(ctx context.Context) (reading, error) {
	if len(s.origins) == 0 {
		return reading{}, ErrNone
	}
	var failed, expected []error
	for i, o := range s.origins {
		c, err := o.read(ctx)
		if ctx.Err() != nil {
			return reading{}, ctx.Err()
		}
		if err == nil {
			s.complete(ctx, o, c)
			s.passOver(s.origins[:i], failed)
			return reading{c, errors.Join(expected...)}, nil
		}
		failed = append(failed, err)
		if !o.mayBeMissing {
			expected = append(expected, err)
		}
		if o.counts() {
			break
		}
	}
	if len(expected) == 0 && s.poll.Record().At.IsZero() && errors.Is(failed[0], errNoProcess) {
		return reading{}, fmt.Errorf("%w: %w", ErrNone, failed[0])
	}
	return reading{}, errors.Join(failed...)
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
		disk, err := o.Ask(ctx)
		if err != nil {
			s.log.Debug("comparing the kubelet's configuration with its files", "err", err)
			continue
		}
		c.beside(disk)
		return
	}
}

// report logs what failed, or that all is well, when that is news.
func (s *Source) report(before, now poll.Record[reading]) {
	failed, err := failure(before), failure(now)
	switch same := poll.Alike(failed, err); {
	case errors.Is(err, ErrNone) && !same:
		s.log.Warn("there will be no thresholds", "reason", err)
	case err != nil && !same:
		s.log.Error("reading the kubelet's configuration", "err", err)
	}
	if now.Err != nil {
		return
	}
	c, last := now.Good.configuration, before.Good.configuration
	if last == nil || c.Source != last.Source || err == nil && failed != nil {
		s.log.Info("read the kubelet's configuration", "from", c.Source, "kubelet_version", c.Version, "thresholds", len(c.Thresholds))
	}
}

// failure is what went wrong in the last read, whether or not there was an answer.
func failure(r poll.Record[reading]) error {
	if r.Err != nil {
		return r.Err
	}
	return r.Good.failed
}

// Configuration returns the last good configuration, without waiting for
// anything. While reads fail it stays good for Keep; after that, and before the
// first, the error says why there is none: it is ErrNone where there is nothing to
// read.
func (s *Source) Configuration() (*Configuration, error) {
	if len(s.origins) == 0 {
		return nil, ErrNone
	}
	r := s.poll.Record()
	c, err := r.Good.configuration, failure(r)
	if c == nil {
		return nil, err
	}
	if age := time.Since(c.Read); age > Keep {
		if err == nil {
			err = errors.New("it has not been read since")
		}
		return nil, fmt.Errorf("last good configuration is %s old: %w", age.Round(time.Second), err)
	}
	return c, nil
}

// Last returns how the last read ended, and how long it took. It is an error, too,
// where another source than the first that is configured had to be read.
func (s *Source) Last() (time.Duration, error) {
	r := s.poll.Record()
	return r.Took, failure(r)
}
