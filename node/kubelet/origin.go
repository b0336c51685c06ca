package kubelet

import (
	"context"
	"time"

	"github.com/nodeheadroom/headroom/node/poll"
)

// An origin is one place to read a configuration from.
type origin struct {
	name string // in metrics
	poll.Question[*Configuration]
	// mayBeMissing says that nobody has promised that it is there.
	mayBeMissing bool

	good   time.Time // when it last answered
	failed string    // why it last did not, empty if it did
}

const (
	// requestPatience is as long as a kubelet may take for its two answers, and a
	// moment for the files that are read beside them.
	requestPatience = 2*answerTimeout + time.Second
	// filePatience is for files alone.
	filePatience = 5 * time.Second
)

// newOrigin returns an origin that is read where, a URL or a path.
func newOrigin(name, where string, patience time.Duration, read func(context.Context) (*Configuration, error)) *origin {
	return &origin{name: name, Question: poll.Question[*Configuration]{
		Call: read, Patience: patience, Late: where + ": a file that is read for it does not answer",
	}}
}

// read reads, and notes who said it and when.
func (o *origin) read(ctx context.Context) (*Configuration, error) {
	c, err := o.Ask(ctx)
	if err != nil {
		return nil, err
	}
	o.good, o.failed = time.Now(), ""
	c.Source, c.Read = o.name, o.good
	return c, nil
}

// counts reports whether what the origin said last is still to be relied on.
func (o *origin) counts() bool { return !o.good.IsZero() && time.Since(o.good) <= Keep }

// news reports whether the origin failed otherwise before, if at all.
func (o *origin) news(err error) bool {
	before := o.failed
	o.failed = err.Error()
	return o.failed != before
}
