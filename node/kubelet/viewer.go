package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// A Viewer asks a running kubelet what it sees itself: its own figures for the
// signals, who uses what, and what it has evicted. Safe for concurrent use.
//
// Each call is work for the kubelet, for a summary a good deal: call it every few
// minutes, not at every scrape.
type Viewer struct{ client *client }

// NewViewer checks the options, of which it takes those for reaching the
// kubelet: URL and what belongs to it. It asks nothing.
func NewViewer(o Options) (*Viewer, error) {
	if o.URL == "" {
		return nil, errors.New("no kubelet to ask: give --kubelet.url")
	}
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	return &Viewer{c}, nil
}

// Viewer returns a Viewer that shares the Source's connections to the kubelet, or
// nil where the Source asks none.
func (s *Source) Viewer() *Viewer {
	if s.client == nil {
		return nil
	}
	return &Viewer{s.client}
}

// Summary reads what the kubelet decides by, for which it needs "get" on
// nodes/stats.
func (v *Viewer) Summary(ctx context.Context) (*Summary, error) {
	s, err := v.client.summary(ctx)
	if err != nil {
		v.client.forget() // files that changed are read again
	}
	return s, err
}

// Metrics reads the kubelet's own metrics, for which it needs "get" on
// nodes/metrics.
func (v *Viewer) Metrics(ctx context.Context) (Metrics, error) {
	m, err := v.client.metrics(ctx)
	if err != nil {
		v.client.forget() // files that changed are read again
	}
	return m, err
}

// A bounded reader reads an answer that may only be so long.
type bounded struct {
	r    io.Reader
	left int // bytes
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("longer than it may be, by %d bytes or more", -b.left)
	}
	return n, err
}
