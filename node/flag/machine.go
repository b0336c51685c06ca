package flag

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// A Machine is what the flags describe: a node, and what its kubelet and its
// container runtime say about how it is to be read.
type Machine struct {
	Node   *node.Node
	Source *kubelet.Source

	runtime  *runtime.Source // nil where none is asked
	interval time.Duration
	ready    chan struct{}
}

// runtimeInterval is how often a runtime is asked where its files are. That
// changes when another one takes its place.
const runtimeInterval = time.Minute

// Machine returns the machine that the flags describe and reads nothing. The log
// hears when the outcome of reading changes.
func (c *Config) Machine(log *slog.Logger) (*Machine, error) {
	source, err := kubelet.NewSource(c.options(log))
	if err != nil {
		return nil, err
	}
	m := &Machine{Source: source, interval: c.Interval, ready: make(chan struct{})}
	f := &facts{config: c, kubelet: source}
	if c.runtime != "" {
		m.runtime = runtime.NewSource(c.runtime, log)
		f.runtime = m.runtime
	}
	m.Node = node.New(node.Config{Host: c.Host, Facts: f.read, Timeout: c.Timeout})
	return m, nil
}

func (c *Config) options(log *slog.Logger) kubelet.Options {
	o := c.Kubelet
	o.Logger = log
	if c.process {
		o.Proc = c.Host.Proc
	}
	return o
}

// Run asks kubelet and runtime at once and then again and again, until ctx ends.
// It is called once.
func (m *Machine) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { m.Source.Run(ctx, m.interval) })
	if m.runtime != nil {
		all.Go(func() { m.runtime.Run(ctx, runtimeInterval) })
	}
	all.Go(func() {
		if m.await(ctx) {
			close(m.ready)
		}
	})
	all.Wait()
}

// await waits until both have been asked once.
func (m *Machine) await(ctx context.Context) bool {
	waits := []<-chan struct{}{m.Source.Ready()}
	if m.runtime != nil {
		waits = append(waits, m.runtime.Ready())
	}
	for _, wait := range waits {
		select {
		case <-wait:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Ready is closed, while Run runs, once kubelet and runtime have each been asked
// for the first time, however that ended.
func (m *Machine) Ready() <-chan struct{} { return m.ready }

// Refresh asks both now, instead of Run. Its error is the kubelet's source's;
// that of a runtime is Runtime's.
func (m *Machine) Refresh(ctx context.Context) error {
	var asking sync.WaitGroup
	if m.runtime != nil {
		asking.Go(func() { m.runtime.Refresh(ctx) }) // its error is kept
	}
	err := m.Source.Refresh(ctx)
	asking.Wait()
	return err
}

// Runtime returns how asking the container runtime ended last, and how long it
// took. asked is false where none is to be asked.
func (m *Machine) Runtime() (took time.Duration, asked bool, err error) {
	if m.runtime == nil {
		return 0, false, nil
	}
	took, err = m.runtime.Last()
	return took, true, err
}
