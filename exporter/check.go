package exporter

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"time"
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

// look asks kubelet and runtime and then reads the node, once.
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
	m.Refresh(ctx) // its errors are kept
	if c.observer != nil {
		c.observer.summary.refresh(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	v := c.view()
	return v, inOrder(v.thresholds(), v), nil
}

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
