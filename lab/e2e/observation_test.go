//go:build e2e

package e2e

import (
	"context"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
)

// observe asks a kubelet what it would compare: makeSignalObservations in
// pkg/kubelet/eviction/helpers.go, written down here a second time, so that the
// exporter's own reading of a summary is not its own witness.
func observe(ctx context.Context, n *cluster.Node) (map[headroom.Signal]headroom.Reading, error) {
	s, err := n.Summary(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[headroom.Signal]headroom.Reading)
	add := func(signal headroom.Signal, at time.Time, available, capacity *uint64) {
		if available != nil && capacity != nil {
			seen[signal] = headroom.Reading{Signal: signal, Available: int64(*available), Capacity: int64(*capacity), At: at}
		}
	}
	memory := func(signal headroom.Signal, m *cluster.MemoryStats) {
		if m != nil && m.AvailableBytes != nil && m.WorkingSetBytes != nil {
			all := *m.AvailableBytes + *m.WorkingSetBytes
			add(signal, m.Time, m.AvailableBytes, &all)
		}
	}
	filesystem := func(bytes, inodes headroom.Signal, f *cluster.FilesystemStats) {
		if f != nil {
			add(bytes, f.Time, f.AvailableBytes, f.CapacityBytes)
			add(inodes, f.Time, f.InodesFree, f.Inodes)
		}
	}
	memory(headroom.MemoryAvailable, s.Node.Memory)
	for _, container := range s.Node.SystemContainers {
		if container.Name == "pods" {
			memory(headroom.AllocatableMemoryAvailable, container.Memory)
		}
	}
	filesystem(headroom.NodeFSAvailable, headroom.NodeFSInodesFree, s.Node.FS)
	if r := s.Node.Runtime; r != nil {
		filesystem(headroom.ImageFSAvailable, headroom.ImageFSInodesFree, r.ImageFS)
		filesystem(headroom.ContainerFSAvailable, headroom.ContainerFSInodesFree, r.ContainerFS)
	}
	if r := s.Node.Rlimit; r != nil && r.MaxPID != nil && r.CurProc != nil {
		seen[headroom.PIDAvailable] = headroom.Reading{
			Signal: headroom.PIDAvailable, Available: *r.MaxPID - *r.CurProc, Capacity: *r.MaxPID, At: r.Time,
		}
	}
	return seen, nil
}
