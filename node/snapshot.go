package node

import (
	"context"
	"time"

	"github.com/nodeheadroom/headroom"
)

// A Snapshot is everything that could be read of a node within the deadlines.
// What could not has no entry, but an error among Readers.
type Snapshot struct {
	Readings    []headroom.Reading // in the order of headroom.Signals
	Filesystems map[headroom.Filesystem]Filesystem
	Readers     []ReaderResult
}

// A ReaderResult is how one reader fared. Names are those of the roles
// (nodefs, imagefs, containerfs), memory and pid.
type ReaderResult struct {
	Name     string
	Err      error
	Duration time.Duration // until it answered, or was given up
}

// Read reads everything: each filesystem in a goroutine of its own, the rest
// meanwhile. One that fails or hangs hides no other, and all is over within the
// timeout.
//
// System calls: 7 for memory with cgroup v2 and 10 with v1, 9 for PIDs, 2 for
// each distinct path.
func (n *Node) Read(ctx context.Context) Snapshot {
	began := time.Now()
	flights := n.start()
	s := Snapshot{
		Readings:    make([]headroom.Reading, 0, 2*len(n.roles)+2),
		Filesystems: make(map[headroom.Filesystem]Filesystem, len(n.roles)),
		Readers:     make([]ReaderResult, 0, len(n.roles)+2),
	}
	s.add(timed("memory", n.host.Memory))
	pids, pidsResult := timed("pid", n.host.PIDs)
	for i, role := range n.roles {
		fs, err := role.reader.wait(ctx, flights[i])
		result := ReaderResult{Name: string(role.name), Err: err}
		if err == nil {
			result.Duration = flights[i].took
			s.Filesystems[role.name] = fs
			bytes, inodes := fs.Readings(role.name)
			s.Readings = append(s.Readings, bytes, inodes)
		} else {
			result.Duration = time.Since(began)
		}
		s.Readers = append(s.Readers, result)
	}
	s.add(pids, pidsResult)
	return s
}

// start begins a read of every distinct path and returns, for each role, the
// one that it waits for.
func (n *Node) start() []*flight {
	flights := make([]*flight, len(n.roles))
	for i, role := range n.roles {
		for j, earlier := range n.roles[:i] {
			if earlier.reader == role.reader {
				flights[i] = flights[j]
			}
		}
		if flights[i] == nil {
			flights[i] = role.reader.start()
		}
	}
	return flights
}

func timed(name string, read func() (headroom.Reading, error)) (headroom.Reading, ReaderResult) {
	began := time.Now()
	r, err := read()
	return r, ReaderResult{Name: name, Err: err, Duration: time.Since(began)}
}

func (s *Snapshot) add(r headroom.Reading, result ReaderResult) {
	s.Readers = append(s.Readers, result)
	if result.Err == nil {
		s.Readings = append(s.Readings, r)
	}
}
