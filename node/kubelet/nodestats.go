package kubelet

import (
	"time"

	"github.com/nodeheadroom/headroom"
)

// Everything here is named as in the API, and is zero where it is missing.

type nodeStats struct {
	memory, allocatable      memoryStats
	fs, imageFS, containerFS fsStats
	rlimit                   rlimitStats
}

type memoryStats struct {
	time                  time.Time
	available, workingSet figure
}

type rlimitStats struct {
	time                  time.Time
	maxPID, running       int64
	hasMaxPID, hasRunning bool
}

func (s *scanner) nodeStats() *nodeStats {
	var n nodeStats
	pods := false // which of several counts is the first
	s.object(func(name []byte) {
		switch string(name) {
		case "memory":
			n.memory = s.memoryStats()
		case "systemContainers":
			s.array(func() {
				if name, memory := s.systemContainer(); name == "pods" && !pods {
					n.allocatable, pods = memory, true
				}
			})
		case "fs":
			n.fs = s.fsStats()
		case "runtime":
			s.object(func(name []byte) {
				switch string(name) {
				case "imageFs":
					n.imageFS = s.fsStats()
				case "containerFs":
					n.containerFS = s.fsStats()
				default:
					s.skip()
				}
			})
		case "rlimit":
			n.rlimit = s.rlimitStats()
		default:
			s.skip()
		}
	})
	return &n
}

func (s *scanner) systemContainer() (container string, m memoryStats) {
	s.object(func(name []byte) {
		switch string(name) {
		case "name":
			container = s.text()
		case "memory":
			m = s.memoryStats()
		default:
			s.skip()
		}
	})
	return container, m
}

func (s *scanner) memoryStats() (m memoryStats) {
	s.object(func(name []byte) {
		switch string(name) {
		case "time":
			m.time = s.moment()
		case "availableBytes":
			m.available = s.figure()
		case "workingSetBytes":
			m.workingSet = s.figure()
		default:
			s.skip()
		}
	})
	return m
}

func (s *scanner) rlimitStats() (r rlimitStats) {
	s.object(func(name []byte) {
		switch string(name) {
		case "time":
			r.time = s.moment()
		case "maxpid":
			r.maxPID, r.hasMaxPID = s.signed()
		case "curproc":
			r.running, r.hasRunning = s.signed()
		default:
			s.skip()
		}
	})
	return r
}

// readings makes of the figures what the kubelet compares, its casts included: an
// available that has fallen below zero there is negative here
// (makeSignalObservations in pkg/kubelet/eviction/helpers.go).
func (n *nodeStats) readings() []headroom.Reading {
	var all []headroom.Reading
	add := func(signal headroom.Signal, available, capacity figure, at time.Time) {
		if available.known && capacity.known {
			all = append(all, headroom.Reading{Signal: signal, Available: int64(available.n), Capacity: int64(capacity.n), At: at})
		}
	}
	memory := func(signal headroom.Signal, m memoryStats) {
		all := figure{m.available.n + m.workingSet.n, m.workingSet.known}
		add(signal, m.available, all, m.time)
	}
	memory(headroom.MemoryAvailable, n.memory)
	memory(headroom.AllocatableMemoryAvailable, n.allocatable)
	add(headroom.NodeFSAvailable, n.fs.available, n.fs.capacity, n.fs.time)
	add(headroom.NodeFSInodesFree, n.fs.inodesFree, n.fs.inodes, n.fs.time)
	add(headroom.ImageFSAvailable, n.imageFS.available, n.imageFS.capacity, n.imageFS.time)
	add(headroom.ImageFSInodesFree, n.imageFS.inodesFree, n.imageFS.inodes, n.imageFS.time)
	add(headroom.ContainerFSAvailable, n.containerFS.available, n.containerFS.capacity, n.containerFS.time)
	add(headroom.ContainerFSInodesFree, n.containerFS.inodesFree, n.containerFS.inodes, n.containerFS.time)
	if r := n.rlimit; r.hasMaxPID && r.hasRunning {
		all = append(all, headroom.Reading{Signal: headroom.PIDAvailable, Available: r.maxPID - r.running, Capacity: r.maxPID, At: r.time})
	}
	return all
}
