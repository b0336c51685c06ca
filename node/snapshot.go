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

// Read reads everything: each filesystem, memory and PIDs in goroutines of their
// own. One that fails or hangs hides no other, and all is over within the
// timeout.
//
// System calls, from the second time on: 3 for memory with cgroup v2 and 4 with v1,
// 3 for PIDs, 2 for each distinct path.
func (n *Node) Read(ctx context.Context) Snapshot {
	began := time.Now()
	filesystems, memory, pids := n.start(), n.memory.start(), n.pids.start()
	s := Snapshot{
		Readings:    make([]headroom.Reading, 0, 2*len(n.roles)+2),
		Filesystems: make(map[headroom.Filesystem]Filesystem, len(n.roles)),
		Readers:     make([]ReaderResult, 0, len(n.roles)+2),
	}
	if r, ok := collect(ctx, &s, "memory", began, n.memory, memory); ok {
		s.Readings = append(s.Readings, r)
	}
	for i, role := range n.roles {
		if fs, ok := collect(ctx, &s, string(role.name), began, &role.reader.question, filesystems[i]); ok {
			s.Filesystems[role.name] = fs
			bytes, inodes := fs.Readings(role.name)
			s.Readings = append(s.Readings, bytes, inodes)
		}
	}
	if r, ok := collect(ctx, &s, "pid", began, n.pids, pids); ok {
		s.Readings = append(s.Readings, r)
	}
	return s
}

// collect waits for an answer and enters how its reader fared.
func collect[T any](ctx context.Context, s *Snapshot, name string, began time.Time, q *question[T], f *flight[T]) (answer T, ok bool) {
	answer, err := q.wait(ctx, f)
	result := ReaderResult{Name: name, Err: err}
	if err == nil {
		result.Duration = f.took
	} else {
		result.Duration = time.Since(began)
	}
	s.Readers = append(s.Readers, result)
	return answer, err == nil
}

// start begins to read every distinct path and returns, for each role, the
// one that it waits for.
func (n *Node) start() []*flight[Filesystem] {
	flights := make([]*flight[Filesystem], len(n.roles))
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
