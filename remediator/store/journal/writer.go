package journal

import "fmt"

// A writer is where the journal writes next. Only its goroutine touches it.
type writer struct {
	at     position
	newest uint64 // highest generation that was ever begun in this file
	buf    []byte
	// unmarked is the generation before this one, in the other region, as long
	// as that does not say that it is continued here; 0 if there is nothing to
	// say.
	unmarked uint64
	// unclear is set when a write failed and it cannot be told what of it is on
	// the disk: the next one begins a generation.
	unclear bool
}

// write is the writer's goroutine.
func (j *Journal) write() {
	defer close(j.stopped)
	for range j.wake {
		j.drain()
	}
	j.drain()
}

func (j *Journal) drain() {
	for batch := j.take(); len(batch) > 0; batch = j.take() {
		admitted, es := j.admit(batch)
		if len(admitted) == 0 {
			continue
		}
		err := j.append(es)
		if err != nil {
			j.errors.Add(1)
			j.log.Error("journal: write failed, its callers were told", "path", j.path, "calls", len(admitted), "err", err)
		} else {
			j.mu.Lock()
			j.state.put(es...)
			j.mu.Unlock()
		}
		for _, c := range admitted {
			c.done <- err
		}
	}
}

// append makes es durable as one record.
func (j *Journal) append(es []entry) error {
	if j.unclear || j.at.offset+recordSize(es) > j.layout.mark(j.at.region) {
		if err := j.begin(); err != nil {
			return fmt.Errorf("begin generation %d: %w", j.newest, err)
		}
	}
	j.unclear = true
	next, err := j.put(j.at, es)
	if err != nil {
		return err
	}
	if err := j.markContinued(); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.at, j.unmarked, j.unclear = next, 0, false
	return nil
}

// begin starts a generation in the other region. Until its snapshot is durable,
// the generation before stays the newest.
func (j *Journal) begin() error {
	j.newest++
	groups := j.state.snapshot(j.layout.chunk())
	at := position{
		region:     1 - j.at.region,
		generation: j.newest,
		snapshot:   uint32(len(groups)),
		offset:     j.layout.start(1 - j.at.region),
	}
	if j.state.size > j.layout.live() {
		return fmt.Errorf("full: all that lives is %d bytes, at most %d: start with a larger journal file", j.state.size, j.layout.live())
	}
	for _, es := range groups {
		next, err := j.put(at, es)
		if err != nil {
			return err
		}
		at = next
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.unmarked, j.at, j.unclear = j.at.generation, at, false
	return nil
}

// put writes a record of es at a position and returns the position after it.
func (j *Journal) put(at position, es []entry) (position, error) {
	b := appendPayload(append(j.buf[:0], padding[:recordHeader]...), es)
	b = seal(b, record{kind: entries, generation: at.generation, sequence: at.sequence, snapshot: at.snapshot})
	j.buf = b
	if _, err := j.file.WriteAt(b, at.offset); err != nil {
		return at, bare(err)
	}
	at.offset += int64(len(b))
	at.sequence++
	return at, nil
}

// markContinued makes the other region say that it is continued in this one.
func (j *Journal) markContinued() error {
	if j.unmarked == 0 {
		return nil
	}
	b := seal(make([]byte, recordHeader, block), record{kind: continued, generation: j.unmarked, sequence: j.at.generation})
	_, err := j.file.WriteAt(b, j.layout.mark(1-j.at.region))
	return bare(err)
}
