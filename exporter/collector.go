package exporter

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	dto "github.com/prometheus/client_model/go"

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

// A collector reads the node at each scrape. It is a gatherer of its own, for a
// registry describes, checks, sorts and allocates every sample anew, which would
// be most of a scrape's work. Safe for concurrent use.
type collector struct {
	node   *node.Node
	source configurations
	log    *slog.Logger
	// containersApart says that containerfs was given a path of its own.
	containersApart bool
	build           []*dto.MetricFamily
	expositions     sync.Pool

	mu     sync.Mutex
	layout *layout           // as last seen whole
	failed map[string]string // by reader, what was logged
}

func newCollector(n *node.Node, s configurations, containersApart bool, log *slog.Logger) (*collector, error) {
	// It never changes: gathered once, it is added to every scrape.
	r := prometheus.NewRegistry()
	if err := r.Register(version.NewCollector(namespace)); err != nil {
		return nil, err
	}
	build, err := r.Gather()
	if err != nil {
		return nil, err
	}
	return &collector{
		node: n, source: s, log: log, containersApart: containersApart, build: build,
		expositions: sync.Pool{New: func() any { return newExposition() }},
		failed:      make(map[string]string),
	}, nil
}

var _ prometheus.TransactionalGatherer = (*collector)(nil)

// Gather reads the node. The families are good until done is called. What
// could not be read is told by the metrics: there is no error.
func (c *collector) Gather() (families []*dto.MetricFamily, done func(), err error) {
	v := view{node: c.node.Read(context.Background())}
	c.report(v.node.Readers)
	v.layout = c.see(v.node.Filesystems)
	v.configTook, v.configErr = c.source.Last()
	if config, err := c.source.Configuration(); err == nil {
		v.config = config
	}
	x := c.expositions.Get().(*exposition)
	x.reset()
	x.expose(v)
	return x.result(c.build), func() { c.expositions.Put(x) }, nil
}

// see returns the layout of the disks, or the last one while some of them cannot
// be read: the kubelet, too, keeps the one it saw first.
func (c *collector) see(fs map[headroom.Filesystem]node.Filesystem) *layout {
	nodefs, ok1 := fs[headroom.NodeFS]
	imagefs, ok2 := fs[headroom.ImageFS]
	containerfs, ok3 := fs[headroom.ContainerFS]
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok1 && ok2 && (ok3 || !c.containersApart) {
		c.layout = &layout{
			dedicated: nodefs.Disk != imagefs.Disk,
			split:     c.containersApart && containerfs.Disk != imagefs.Disk,
		}
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
