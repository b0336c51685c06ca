package exporter

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	nodeflag "github.com/nodeheadroom/headroom/node/flag"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/poll"
)

// check reads the node once, says how it stands, and returns that as a Verdict.
func check(ctx context.Context, f *flags, stdout io.Writer) error {
	v, effective, err := f.look(ctx)
	if err != nil {
		return wrong{err}
	}
	r := newReport(v, effective, time.Now())
	if v.seen != nil {
		r.ConsumersFrom = "the kubelet's summary"
		r.consumers(v.seen.consumers)
	} else {
		f.count(ctx, v, r)
	}
	if err := f.print(stdout, r); err != nil {
		return wrong{err}
	}
	if r.Verdict == Well {
		return nil
	}
	return r.Verdict
}

// look asks kubelet and runtime, all at once, and then reads the node, once.
func (f *flags) look(ctx context.Context) (*view, thresholds, error) {
	log := slog.New(slog.DiscardHandler) // what fails is in the report
	m, err := f.Machine(log)
	if err != nil {
		return nil, nil, err
	}
	c, err := f.collector(m, shownConsumers, log)
	if err != nil {
		return nil, nil, err
	}
	ask(ctx, m, c)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	v := c.view()
	return v, inOrder(v.thresholds(), v), nil
}

// ask asks the kubelet for its configuration and its summary and the runtime for
// its paths, side by side: of those that hang, the slowest is waited for, not all.
// The summary is compared with the node when it is known where the node is read.
func ask(ctx context.Context, m *nodeflag.Machine, c *collector) {
	viewer := m.Source.Viewer()
	if viewer == nil {
		m.Refresh(ctx) // its errors are kept
		return
	}
	q := poll.Question[*kubelet.Summary]{Call: viewer.Summary, Patience: answerPatience, Late: fmt.Sprintf("not answered within %s", answerPatience)}
	var said answered
	var asking sync.WaitGroup
	asking.Go(func() { said.summary, said.err = q.Ask(ctx) })
	m.Refresh(ctx)
	asking.Wait()
	c.observer = newObserver(said, nil, m.Node, shownConsumers, c.log)
	c.observer.summary.Refresh(ctx) // as above
}

// answered is a kubelet that was asked for its summary before.
type answered struct {
	summary *kubelet.Summary
	err     error
}

func (a answered) Summary(context.Context) (*kubelet.Summary, error) { return a.summary, a.err }

// count counts what can be counted without a kubelet.
func (f *flags) count(ctx context.Context, v *view, r *report) {
	cs, err := walkNode(ctx, f.logs, v.node.Filesystems)
	r.ConsumersFrom = "counted on disk: logs and emptyDirs only"
	r.consumers(largest(cs, shownConsumers))
	if err != nil {
		r.Failures = append(r.Failures, failure{"consumers", err.Error()})
	}
}

func (f *flags) print(w io.Writer, r *report) error {
	if f.output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.write(w)
}
