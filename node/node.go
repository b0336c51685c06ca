package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nodeheadroom/headroom"
)

// Config says what a node is made of.
type Config struct {
	Host Host
	// Facts says what is known of the node's kubelet and runtime. It is asked at
	// every reading and must answer at once; it is safe for concurrent use.
	Facts func() Facts
	// Timeout is how long each reader is waited for: every filesystem, memory,
	// the memory of pods, and PIDs.
	Timeout time.Duration
}

// A Node may be read as often as one likes, by as many as like.
type Node struct {
	facts       func() Facts
	filesystems *readers
	memory      *question[memory]
	pods        *question[headroom.Reading]
	pids        *question[headroom.Reading]

	mu         sync.Mutex
	podCgroups []string // of the facts last asked
}

// New returns a Node and reads nothing. Once read, a Node keeps up to ten kernel
// files open, to the end of the process.
func New(c Config) *Node {
	n := &Node{facts: c.Facts, filesystems: newReaders(c.Timeout)}
	// Each is asked one call at a time, and has its own files.
	memory := newMemoryProber(c.Host, make(openFiles))
	n.memory = newQuestion("memory", c.Timeout, memory.probe)
	pods := newPodProber(c.Host, make(openFiles))
	n.pods = newQuestion("allocatable", c.Timeout, func() (headroom.Reading, error) {
		n.mu.Lock()
		names := n.podCgroups
		n.mu.Unlock()
		return pods.probe(names)
	})
	pids := newPIDProber(c.Host, make(openFiles))
	n.pids = newQuestion("pid", c.Timeout, pids.probe)
	return n
}

// Signal reads one signal, touching only what it needs. That the kubelet has no
// observation of it (the cgroup of all pods has no memory limit) is an error, too.
func (n *Node) Signal(ctx context.Context, s headroom.Signal) (headroom.Reading, error) {
	switch s {
	case headroom.MemoryAvailable:
		return n.readMemory(ctx)
	case headroom.AllocatableMemoryAvailable:
		return n.readPods(ctx)
	case headroom.PIDAvailable:
		return n.pids.ask(ctx)
	}
	if s.Filesystem() == "" {
		return headroom.Reading{}, fmt.Errorf("%s: not a signal that is read from the node", s)
	}
	fs, err := n.Filesystem(ctx, s.Filesystem())
	if err != nil {
		return headroom.Reading{}, err
	}
	bytes, inodes := fs.Readings(s.Filesystem())
	if s == inodes.Signal {
		return inodes, nil
	}
	return bytes, nil
}

// Filesystem reads the filesystem of a role; see FilesystemReader.Read.
func (n *Node) Filesystem(ctx context.Context, name headroom.Filesystem) (Filesystem, error) {
	asked := n.filesystems.start(n.facts().Paths, name)
	if len(asked) == 0 {
		return Filesystem{}, fmt.Errorf("%s: no path is configured", name)
	}
	fs, err := asked[0].reader.wait(ctx, asked[0].flight)
	if err != nil {
		return Filesystem{}, fmt.Errorf("%s: %w", name, err)
	}
	return fs, nil
}

func (n *Node) readMemory(ctx context.Context) (headroom.Reading, error) {
	m, err := n.memory.ask(ctx)
	if err != nil {
		return headroom.Reading{}, err
	}
	return m.reading(n.facts().HugePages)
}

func (n *Node) readPods(ctx context.Context) (headroom.Reading, error) {
	names := n.facts().PodCgroups
	if len(names) == 0 {
		return headroom.Reading{}, fmt.Errorf("%s: the cgroup of all pods is not known", headroom.AllocatableMemoryAvailable)
	}
	r, err := n.pods.wait(ctx, n.startPods(names))
	if err == nil && r == noObservation {
		err = fmt.Errorf("%s: the cgroup of all pods has no memory limit", headroom.AllocatableMemoryAvailable)
	}
	return r, err
}

// startPods begins to read the memory of pods, or joins a call under way, which
// may have begun with the names before these.
func (n *Node) startPods(names []string) *flight[headroom.Reading] {
	n.mu.Lock()
	n.podCgroups = names
	n.mu.Unlock()
	return n.pods.start()
}
