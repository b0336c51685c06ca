package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// A position is where the newest generation stands.
type position struct {
	region     int
	generation uint64
	snapshot   uint32 // records that open it
	sequence   uint64 // of the next record
	offset     int64  // of the next record
}

// What recovery makes of a file.
type recovered struct {
	layout layout
	state  *state
	at     position
	newest uint64 // highest generation anywhere in the file
	damage error  // nil if the file is whole; else state is what could still be read
}

// recovery reads a file of the given size. It writes nothing.
func recovery(f io.ReaderAt, size int64) recovered {
	first := make([]byte, min(block, size))
	_, err := f.ReadAt(first, 0)
	if err == nil || errors.Is(err, io.EOF) {
		err = checkHeader(first, size)
	}
	if errors.As(err, &newerError{}) {
		return recovered{state: newState(), damage: err}
	}
	s := &scanner{f: f, limit: min(size, MaxSize)}
	found, readErr := s.all()
	if err = cmp.Or(err, readErr); err != nil {
		return salvage(s, found, err)
	}
	l := layoutOf(size)
	run, at, err := l.judge(found)
	if err != nil {
		return salvage(s, found, err)
	}
	r := recovered{layout: l, state: newState(), at: at, newest: newest(found)}
	if r.newest == math.MaxUint64 {
		return salvage(s, found, fmt.Errorf("generation %d: no other can come after it", r.newest))
	}
	for _, rec := range run {
		if err := r.state.read(s, rec); err != nil {
			return salvage(s, found, err)
		}
	}
	return r
}

// judge finds the records that make up the newest state and where the next one
// goes, or says what is wrong with the file.
func (l layout) judge(found []record) (run []record, at position, err error) {
	for region := range 2 {
		if rs, p, ok := l.generation(found, region); ok && (run == nil || p.generation > at.generation) {
			run, at = rs, p
		}
	}
	if run == nil {
		return nil, at, errors.New("no complete snapshot in either region")
	}
	for _, r := range found {
		switch {
		case r.kind == entries && r.generation == at.generation && r.offset >= at.offset:
			return nil, at, fmt.Errorf("generation %d: bad record at byte %d, followed by a good one at %d",
				at.generation, at.offset, r.offset)
		case r.kind == entries && r.generation > at.generation && !r.opens():
			return nil, at, fmt.Errorf("generation %d: its snapshot is bad, its record at byte %d is not", r.generation, r.offset)
		case r.kind == continued && r.generation == at.generation:
			return nil, at, fmt.Errorf("generation %d is continued in generation %d, whose snapshot is bad", r.generation, r.sequence)
		}
	}
	return run, at, nil
}

// generation follows the records of a region from its start. It is not ok if
// there is no complete snapshot.
func (l layout) generation(found []record, region int) (run []record, at position, ok bool) {
	at = position{region: region, offset: l.start(region)}
	i, _ := slices.BinarySearchFunc(found, at.offset, func(r record, offset int64) int { return cmp.Compare(r.offset, offset) })
	for _, r := range found[i:] {
		if len(run) == 0 {
			at.generation, at.snapshot = r.generation, r.snapshot
		}
		if r.kind != entries || r.offset != at.offset || r.end() > l.mark(region) ||
			r.generation != at.generation || r.sequence != at.sequence || r.snapshot != at.snapshot {
			break
		}
		run = append(run, r)
		at.offset, at.sequence = r.end(), at.sequence+1
	}
	return run, at, at.snapshot > 0 && at.sequence >= uint64(at.snapshot)
}

// salvage takes over whatever record can still be read, the oldest first, so
// that the newest of a key stays.
func salvage(s *scanner, found []record, damage error) recovered {
	r := recovered{state: newState(), newest: newest(found), damage: damage}
	slices.SortStableFunc(found, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.sequence, b.sequence))
	})
	for _, rec := range found {
		_ = r.state.read(s, rec) // what is damaged is why we are here
	}
	return r
}

func newest(found []record) (g uint64) {
	for _, r := range found {
		g = max(g, r.generation)
	}
	return g
}

// read puts the entries of the record r.
func (s *state) read(f *scanner, r record) error {
	if r.kind != entries {
		return nil
	}
	_, payload, err := f.at(r.offset)
	if err != nil {
		return err
	}
	es, err := parseEntries(payload)
	if err != nil {
		return fmt.Errorf("record at byte %d: %w", r.offset, err)
	}
	s.put(es...)
	return nil
}
