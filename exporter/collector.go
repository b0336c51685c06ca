package exporter

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
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

// A collector reads the node at each scrape. It answers by itself, for a registry
// describes, checks, sorts and allocates every sample anew, which would be most
// of a scrape's work. Safe for concurrent use.
type collector struct {
	node   *node.Node
	source configurations
	log    *slog.Logger
	// containersApart says that containerfs was given a path of its own.
	containersApart bool
	build           []byte
	answers         sync.Pool

	mu     sync.Mutex
	layout *layout           // as last seen whole
	failed map[string]string // by reader, what was logged
}

func newCollector(n *node.Node, s configurations, containersApart bool, log *slog.Logger) (*collector, error) {
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
		node: n, source: s, log: log, containersApart: containersApart, build: build.Bytes(),
		answers: sync.Pool{New: func() any { return newAnswer() }},
		failed:  make(map[string]string),
	}, nil
}

// read reads the node and returns what to show, good until x is used again. What
// could not be read is told by the metrics: there is no error.
func (c *collector) read(x *exposition) []byte {
	v := view{node: c.node.Read(context.Background())}
	c.report(v.node.Readers)
	v.layout = c.see(v.node.Filesystems)
	v.configTook, v.configErr = c.source.Last()
	if config, err := c.source.Configuration(); err == nil {
		v.config = config
	}
	x.reset()
	x.expose(v)
	return x.text(c.build)
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
