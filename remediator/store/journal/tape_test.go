package journal

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
)

const sector = 512

// A tape records what is done to a file, and what the program said meanwhile.
type tape struct {
	file
	mu  sync.Mutex
	ops []op
}

// An op is a write, a sync or a saying; one field is set.
type op struct {
	data   []byte
	offset int64
	sync   bool
	said   func()
}

func (t *tape) add(o op) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ops = append(t.ops, o)
}

// say has f called when a replay comes here.
func (t *tape) say(f func()) { t.add(op{said: f}) }

func (t *tape) WriteAt(b []byte, offset int64) (int, error) {
	t.add(op{data: bytes.Clone(b), offset: offset})
	return t.file.WriteAt(b, offset)
}

func (t *tape) Sync() error {
	err := t.file.Sync()
	t.add(op{sync: true})
	return err
}

// replay plays the tape over image and calls crashed with what may be on the
// disk if power is lost after each op: of what is not synced nothing, all, all
// but the end of the last write, or any sectors in any order. The image is valid
// during the call.
func (t *tape) replay(image []byte, random *rand.Rand, crashed func(image []byte)) {
	var pending []op
	for _, o := range t.ops {
		switch {
		case o.said != nil:
			o.said()
			crashed(image)
		case o.sync:
			for _, w := range pending {
				copy(image[w.offset:], w.data)
			}
			pending = nil
			crashed(image)
		default:
			pending = append(pending, o)
			torn(image, pending, crashed)
			for range 4 {
				scattered(image, pending, random, crashed)
			}
		}
	}
}

// torn loses the last write from each sector on.
func torn(image []byte, pending []op, crashed func([]byte)) {
	last := len(pending) - 1
	disk := slices.Clone(image)
	for _, w := range pending[:last] {
		copy(disk[w.offset:], w.data)
	}
	w := pending[last]
	for n := 0; n <= len(w.data); n += sector {
		copy(disk[w.offset:], w.data[:n])
		crashed(disk)
	}
}

// scattered keeps some of the sectors.
func scattered(image []byte, pending []op, random *rand.Rand, crashed func([]byte)) {
	disk, share := slices.Clone(image), random.Float64()
	for _, w := range pending {
		for at := 0; at < len(w.data); at += sector {
			if random.Float64() < share {
				copy(disk[w.offset+int64(at):], w.data[at:at+sector])
			}
		}
	}
	crashed(disk)
}
