package exporter

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/poll"
)

// A polled is one thing that the kubelet is asked in the background.
type polled[T any] struct {
	*poll.Poll[*T]
	reader string // as metrics name it
}

func newPolled[T any](reader string, log *slog.Logger, call func(context.Context) (*T, error)) polled[T] {
	q := poll.Question[*T]{Call: call, Patience: answerPatience, Late: fmt.Sprintf("not answered within %s", answerPatience)}
	return polled[T]{reader: reader, Poll: poll.New(nil, q.Ask, func(before, now poll.Record[*T]) {
		switch {
		case now.Err != nil && !poll.Alike(before.Err, now.Err):
			log.Warn("asking the kubelet", "reader", reader, "err", now.Err)
		case now.Err == nil && before.Err != nil:
			log.Info("asking the kubelet succeeds again", "reader", reader)
		}
	})}
}

// known returns the last answer, or nil if there is none or it is too old.
func (p polled[T]) known() *T {
	r := p.Record()
	if time.Since(r.At) > keepSeen {
		return nil
	}
	return r.Good
}

// report adds how the last question ended, unless it is still the first.
func (p polled[T]) report(to []node.ReaderResult) []node.ReaderResult {
	r := p.Record()
	if !r.Asked {
		return to
	}
	return append(to, node.ReaderResult{Name: p.reader, Err: r.Err, Duration: r.Took})
}
