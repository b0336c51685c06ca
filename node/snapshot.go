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

// A ReaderResult is how one reader fared. Names are memory, allocatable, those of
// the roles (nodefs, imagefs, containerfs) and pid; allocatable and the roles are
// there as far as Facts name them.
type ReaderResult struct {
	Name     string
	Err      error
	Duration time.Duration // until it answered, or was given up
}

// Read reads everything that Facts name: each filesystem, memory, the memory of
// pods and PIDs in goroutines of their own. One that fails or hangs hides no
// other, and all is over within the timeout. What the kubelet has no observation
// of (the cgroup of all pods has no memory limit) has no Reading and no error.
//
// System calls, from the second time on: 2 for memory with cgroup v2 and 3 with
// v1, 3 for the memory of pods, 3 for PIDs, 2 for each distinct path.
func (n *Node) Read(ctx context.Context) Snapshot {
	began := time.Now()
	facts := n.facts()
	filesystems := n.filesystems.start(facts.Paths, headroom.Filesystems...)
	memory, pids := n.memory.start(), n.pids.start()
	var pods *flight[headroom.Reading]
	if len(facts.PodCgroups) > 0 {
		pods = n.startPods(facts.PodCgroups)
	}
	s := Snapshot{
		Readings:    make([]headroom.Reading, 0, 2*len(filesystems)+3),
		Filesystems: make(map[headroom.Filesystem]Filesystem, len(filesystems)),
		Readers:     make([]ReaderResult, 0, len(filesystems)+3),
	}
	m, err := collect(ctx, &s, "memory", began, n.memory, memory)
	if err == nil {
		s.add(m.reading(facts.HugePages))
	}
	if pods != nil {
		s.add(collect(ctx, &s, "allocatable", began, n.pods, pods))
	}
	for _, q := range filesystems {
		if fs, err := collect(ctx, &s, string(q.role), began, &q.reader.question, q.flight); err == nil {
			s.Filesystems[q.role] = fs
			bytes, inodes := fs.Readings(q.role)
			s.Readings = append(s.Readings, bytes, inodes)
		}
	}
	s.add(collect(ctx, &s, "pid", began, n.pids, pids))
	return s
}

// collect waits for an answer and enters how its reader fared.
func collect[T any](ctx context.Context, s *Snapshot, name string, began time.Time, q *question[T], f *flight[T]) (T, error) {
	answer, err := q.wait(ctx, f)
	result := ReaderResult{Name: name, Err: err}
	if err == nil {
		result.Duration = f.took
	} else {
		result.Duration = time.Since(began)
	}
	s.Readers = append(s.Readers, result)
	return answer, err
}

// add enters a reading, if there is one; an error is the last reader's.
func (s *Snapshot) add(r headroom.Reading, err error) {
	if err != nil {
		s.Readers[len(s.Readers)-1].Err = err
		return
	}
	if r != noObservation {
		s.Readings = append(s.Readings, r)
	}
}
