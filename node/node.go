package node

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nodeheadroom/headroom"
)

// Config says what a node is made of.
type Config struct {
	Host Host
	// Facts says what is known of the node's kubelet and runtime. It is asked at
	// every reading and must answer at once; it is safe for concurrent use.
	Facts func() Facts
	// Timeout is how long each reader is waited for: every filesystem, memory
	// and PIDs.
	Timeout time.Duration
}

// Facts are what decides about how a node is read. They change when its kubelet
// or its runtime starts anew.
type Facts struct {
	// Paths holds, for each role that is to be read, a path on its filesystem.
	// A role left out has no readings.
	Paths map[headroom.Filesystem]string
	// HugePages says that the kubelet takes memory set aside as huge pages from
	// memory.available, as it does since 1.37.
	HugePages bool
	// PodCgroups are the names that the cgroup of all pods may have below
	// Host.Cgroup (or a v1 controller's folder there), the likeliest first:
	// "/kubepods". Without any, allocatableMemory.available is not read.
	PodCgroups []string
}

// Fixed returns a Config.Facts for a node of which nothing but the paths is known.
func Fixed(paths map[headroom.Filesystem]string) func() Facts {
	return func() Facts { return Facts{Paths: paths} }
}

// A Node may be read as often as one likes, by as many as like.
type Node struct {
	memory, pids *question[headroom.Reading]
	roles        []role
}

// A role is a filesystem with the reader of its path; roles with one path
// share one.
type role struct {
	name   headroom.Filesystem
	reader *FilesystemReader
}

// New returns a Node and reads nothing. Once read, a Node keeps up to six kernel
// files open, to the end of the process.
func New(c Config) *Node {
	// Each is asked one call at a time, and has its own files.
	memory, pids := make(openFiles), make(openFiles)
	n := &Node{
		memory: &question[headroom.Reading]{about: "memory", timeout: c.Timeout,
			call: func() (headroom.Reading, error) { return c.Host.memory(memory) }},
		pids: &question[headroom.Reading]{about: "pid", timeout: c.Timeout,
			call: func() (headroom.Reading, error) { return c.Host.pids(pids) }},
	}
	readers := make(map[string]*FilesystemReader)
	paths := c.Facts().Paths
	for _, name := range headroom.Filesystems {
		path, ok := paths[name]
		if !ok {
			continue
		}
		path = filepath.Clean(path)
		if readers[path] == nil {
			readers[path] = NewFilesystem(path, c.Timeout)
		}
		n.roles = append(n.roles, role{name, readers[path]})
	}
	return n
}

// Signal reads one signal, touching only what it needs. allocatableMemory is
// not read.
func (n *Node) Signal(ctx context.Context, s headroom.Signal) (headroom.Reading, error) {
	switch s {
	case headroom.MemoryAvailable:
		return n.memory.ask(ctx)
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
	for _, role := range n.roles {
		if role.name != name {
			continue
		}
		fs, err := role.reader.Read(ctx)
		if err != nil {
			return Filesystem{}, fmt.Errorf("%s: %w", name, err)
		}
		return fs, nil
	}
	return Filesystem{}, fmt.Errorf("%s: no path is configured", name)
}

// Readings returns what f says of a role's two signals.
func (f Filesystem) Readings(role headroom.Filesystem) (bytes, inodes headroom.Reading) {
	bytes = headroom.Reading{Available: f.Bytes.Available, Capacity: f.Bytes.Capacity, At: f.At}
	inodes = headroom.Reading{Available: f.Inodes.Available, Capacity: f.Inodes.Capacity, At: f.At}
	switch role {
	case headroom.NodeFS:
		bytes.Signal, inodes.Signal = headroom.NodeFSAvailable, headroom.NodeFSInodesFree
	case headroom.ImageFS:
		bytes.Signal, inodes.Signal = headroom.ImageFSAvailable, headroom.ImageFSInodesFree
	case headroom.ContainerFS:
		bytes.Signal, inodes.Signal = headroom.ContainerFSAvailable, headroom.ContainerFSInodesFree
	}
	return bytes, inodes
}
