package journal

import (
	"maps"
	"slices"
)

// A state is what lives: the newest entry of every key.
type state struct {
	entries map[key]entry
	size    int64 // of the entries' JSON with their commas
}

func newState() *state { return &state{entries: map[key]entry{}} }

func (s *state) put(es ...entry) {
	for _, e := range es {
		if old, ok := s.entries[e.key]; ok {
			s.size -= old.size()
		}
		s.entries[e.key] = e
		s.size += e.size()
	}
}

func (s *state) sorted() []entry {
	return slices.SortedFunc(maps.Values(s.entries), func(a, b entry) int { return a.key.compare(b.key) })
}

// snapshot returns everything that lives in groups, one for a record each, of
// about chunk bytes. There is at least one group.
func (s *state) snapshot(chunk int64) [][]entry {
	groups, size := [][]entry{nil}, int64(0)
	for _, e := range s.sorted() {
		if size > 0 && size+e.size() > chunk {
			groups, size = append(groups, nil), 0
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], e)
		size += e.size()
	}
	return groups
}
