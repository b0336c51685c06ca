package kubelet

import (
	"context"
	"fmt"
	"time"
)

// An origin is one place to read a configuration from.
type origin struct {
	name  string // in metrics
	where string // a URL or a path
	read  func(context.Context) (*Configuration, error)
	// patience is how long a read is waited for.
	patience time.Duration
	// mayBeMissing says that nobody has promised that it is there.
	mayBeMissing bool

	// pending is the read that was given up waiting for. There is never a second
	// one.
	pending chan outcome
	good    time.Time // when it last answered
	failed  string    // why it last did not, empty if it did
}

const (
	// requestPatience is as long as a kubelet may take for its two answers, and a
	// moment for the files that are read beside them.
	requestPatience = 2*answerTimeout + time.Second
	// filePatience is for files alone.
	filePatience = 5 * time.Second
)

// An outcome is what a read came to.
type outcome struct {
	configuration *Configuration
	err           error
}

// ask reads, and notes who said it and when.
func (o *origin) ask(ctx context.Context) (*Configuration, error) {
	c, err := o.await(ctx)
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

// await reads as long as ctx and patience allow. Whatever hangs is left behind,
// and what it says in the end is not news.
func (o *origin) await(ctx context.Context) (*Configuration, error) {
	ctx, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	for {
		fresh := o.pending == nil
		if fresh {
			pending := make(chan outcome, 1) // whoever reads may have left
			o.pending = pending
			go func() {
				c, err := o.read(ctx)
				pending <- outcome{c, err}
			}()
		}
		select {
		case result := <-o.pending:
			o.pending = nil
			if fresh {
				return result.configuration, result.err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: a file that is read for it does not answer: %w", o.where, ctx.Err())
		}
	}
}
