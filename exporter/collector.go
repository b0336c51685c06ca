package exporter

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/expfmt"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// configurations is what the collector wants of a kubelet.Source: neither call
// waits.
type configurations interface {
	Configuration() (*kubelet.Configuration, error)
	Last() (took time.Duration, err error)
}

// snapshots is what the collector and the observer want of a node.Node.
type snapshots interface {
	Read(context.Context) node.Snapshot
}

// A collector reads the node at each scrape. It answers by itself, for a registry
// describes, checks, sorts and allocates every sample anew, which would be most
// of a scrape's work. Safe for concurrent use.
type collector struct {
	node     snapshots
	source   configurations
	runtime  func() (took time.Duration, asked bool, err error)
	observer *observer // nil where no kubelet is asked
	log      *slog.Logger
	build    []byte
	answers  sync.Pool
	page     atomic.Pointer[page]

	mu     sync.Mutex
	layout *layout           // as last seen whole
	failed map[string]string // by reader, what was logged
}

func newCollector(n snapshots, s configurations, log *slog.Logger) (*collector, error) {
	// It never changes: written once, it begins every scrape.
	r := prometheus.NewRegistry()
	if err := r.Register(version.NewCollector(namespace)); err != nil {
		return nil, err
	}
	families, err := r.Gather()
	if err != nil {
		return nil, err
	}
	var build bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&build, f); err != nil {
			return nil, err
		}
	}
	return &collector{
		node: n, source: s, log: log, build: build.Bytes(),
		runtime: func() (time.Duration, bool, error) { return 0, false, nil },
		answers: sync.Pool{New: func() any { return newAnswer() }},
		failed:  make(map[string]string),
	}, nil
}

// read reads the node and returns what to show: a page that stays, and what
// follows it, good until a is used again. What could not be read is told by the
// metrics: there is no error.
func (c *collector) read(a *answer) (*page, []byte) {
	v := c.view()
	p := c.page.Load()
	if p == nil || !p.holds(v) {
		p = newPage(v, c.build, a.packer)
		c.page.Store(p)
	}
	a.reset()
	if met := a.expose(v, p); met && c.observer != nil {
		c.observer.press()
	}
	return p, a.text(nil)
}

// view reads the node and takes what is known of its kubelet.
func (c *collector) view() *view {
	v := &view{node: c.node.Read(context.Background())}
	c.report(v.node.Readers)
	v.layout = c.see(v.node.Filesystems)
	took, failure := c.source.Last()
	config, err := c.source.Configuration()
	if err == nil {
		v.config = config // there is one without success while the last good one is kept
	}
	if failure == nil {
		failure = err
	}
	v.background = append(make([]node.ReaderResult, 0, 4), node.ReaderResult{Name: "thresholds", Err: failure, Duration: took})
	if took, asked, err := c.runtime(); asked {
		v.background = append(v.background, node.ReaderResult{Name: "runtime", Err: err, Duration: took})
	}
	if c.observer != nil {
		c.observer.notice(v.node.Readings)
		v.seen, v.counts = c.observer.known()
		v.background = c.observer.report(v.background)
	}
	return v
}

// see returns the layout of the disks, or the last one while some of them cannot
// be read: the kubelet, too, keeps the one it saw first.
func (c *collector) see(fs map[headroom.Filesystem]node.Filesystem) *layout {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := layoutOf(fs); l != nil && (c.layout == nil || *l != *c.layout) {
		c.layout = l
	}
	return c.layout
}

// report logs a reader's error when it is news, not at every scrape.
func (c *collector) report(readers []node.ReaderResult) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range readers {
		before, failed := c.failed[r.Name]
		switch {
		case r.Err != nil && news(r.Err) != before:
			c.failed[r.Name] = news(r.Err)
			c.log.Warn("reading the node", "reader", r.Name, "err", r.Err)
		case r.Err == nil && failed:
			delete(c.failed, r.Name)
			c.log.Info("reading the node succeeds again", "reader", r.Name)
		}
	}
}

// news is what makes err another than the last one: not when it began.
func news(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return os.ErrDeadlineExceeded.Error()
	}
	return err.Error()
}
