package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDamagedFileIsSetAsideAndWhatIsReadableIsKept(t *testing.T) {
	const all = 8
	for sentence, test := range map[string]struct {
		damage func(b []byte, l layout, at position) []byte
		again  bool   // open it once more before: the newest region is then the first
		empty  bool   // nothing was ever asked for
		aside  string // how the name it gets begins
		lost   []int  // nodes
	}{
		"cut in half": {
			damage: func(b []byte, _ layout, _ position) []byte { return b[:len(b)/2] },
			aside:  "journal.damaged-20260329T120000Z",
			lost:   []int{0, 1, 2, 3, 4, 5, 6, 7}, // the newest region is the second
		},
		"cut in half, behind what is written": {
			damage: func(b []byte, _ layout, _ position) []byte { return b[:len(b)/2] },
			again:  true,
			aside:  "journal.damaged-",
		},
		"cut behind what is written": {
			damage: func(b []byte, _ layout, at position) []byte { return b[:at.offset] },
			aside:  "journal.damaged-",
		},
		"longer than it was": {
			damage: func(b []byte, _ layout, _ position) []byte { return append(b, 0) },
			aside:  "journal.damaged-",
		},
		"a record overwritten in the middle": {
			damage: func(b []byte, l layout, _ position) []byte { return zero(b, record1(l)+3*block, block) },
			aside:  "journal.damaged-",
			lost:   []int{3},
		},
		"one bit of a record": {
			damage: func(b []byte, l layout, _ position) []byte { b[record1(l)+3*block+100] ^= 1; return b },
			aside:  "journal.damaged-",
			lost:   []int{3},
		},
		"the snapshot that records follow": {
			damage: func(b []byte, l layout, _ position) []byte { return zero(b, l.start(1), block) },
			aside:  "journal.damaged-",
		},
		"the snapshot that records follow, and the word that there is one": {
			damage: func(b []byte, l layout, _ position) []byte {
				return zero(zero(b, l.mark(0), block), l.start(1), block)
			},
			aside: "journal.damaged-",
		},
		"the whole newer region": {
			damage: func(b []byte, l layout, _ position) []byte { return zero(b, l.start(1), l.region) },
			aside:  "journal.damaged-",
			lost:   []int{0, 1, 2, 3, 4, 5, 6, 7},
		},
		"the header": {
			damage: func(b []byte, _ layout, _ position) []byte { return zero(b, 0, block) },
			aside:  "journal.damaged-",
		},
		"a size that the header does not mean": {
			damage: func(b []byte, _ layout, _ position) []byte { return reheader(b, 24, MaxSize*2) },
			aside:  "journal.damaged-",
		},
		"zero length": {
			damage: func([]byte, layout, position) []byte { return nil },
			aside:  "journal.damaged-", lost: []int{0, 1, 2, 3, 4, 5, 6, 7},
		},
		"random bytes": {
			damage: func(b []byte, _ layout, _ position) []byte { return random(len(b)) },
			aside:  "journal.damaged-", lost: []int{0, 1, 2, 3, 4, 5, 6, 7},
		},
		"another program's file": {
			damage: func([]byte, layout, position) []byte { return []byte("SQLite format 3\x00 and so on") },
			aside:  "journal.damaged-", lost: []int{0, 1, 2, 3, 4, 5, 6, 7},
		},
		"a later release's file, of which nothing is read": {
			damage: func(b []byte, _ layout, _ position) []byte { return reheader(b, 16, fileVersion+1) },
			aside:  "journal.newer-20260329T120000Z", lost: []int{0, 1, 2, 3, 4, 5, 6, 7},
		},
		"a snapshot that nothing follows, as after a crash: not damage": {
			damage: func(b []byte, l layout, at position) []byte { return zero(b, l.start(1), l.region) },
			empty:  true,
		},
		"the end of the last record, as after a crash: not damage": {
			damage: func(b []byte, _ layout, at position) []byte { b[at.offset-block+100] ^= 1; return b },
			lost:   []int{7},
		},
		"the older region: not damage": {
			damage: func(b []byte, l layout, _ position) []byte { return zero(b, l.start(0), l.region-block) },
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			nodes := all
			if test.empty {
				nodes = 0
			}
			path := filled(t, nodes)
			if test.again {
				open(t, path, Options{}).Close()
			}
			b := contents(t, path)
			r := recovery(bytes.NewReader(b), int64(len(b)))
			b = test.damage(b, r.layout, r.at)
			write(t, path, b)

			j := open(t, path, Options{Size: MinSize, Now: noon})
			if aside := j.SetAside(); !strings.HasPrefix(filepath.Base(aside), test.aside) || (aside == "") != (test.aside == "") {
				t.Errorf("set aside as %q, want %q…", aside, test.aside)
			}
			if names := beside(t, path); test.aside != "" && !bytes.Equal(contents(t, j.SetAside()), b) || len(names) != j.SetAsideCount() {
				t.Errorf("what was set aside is not what was found, or not alone: %v", names)
			}
			for n := range nodes {
				if kept := j.state.request(t, fmt.Sprint("node-", n)) == 1; kept == slices.Contains(test.lost, n) {
					t.Errorf("node-%d: kept is %v", n, kept)
				}
			}
			worksAgain(t, j)
		})
	}
}

// record1 is where filled's first record is: Open has begun generation 2 in
// region B, with an empty snapshot.
func record1(l layout) int64 { return l.start(1) + block }

func zero(b []byte, at, n int64) []byte { clear(b[at : at+n]); return b }

func random(n int) []byte {
	b, r := make([]byte, n), rand.New(rand.NewPCG(5, 6))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// reheader changes a number in the header and the checksum with it.
func reheader(b []byte, at int, v uint32) []byte {
	binary.LittleEndian.PutUint32(b[at:], v)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// worksAgain wants a journal that takes requests and opens without a word.
func worksAgain(t *testing.T, j *Journal) {
	t.Helper()
	ask(t, j, request("after", 5))
	want := len(j.state.entries)
	j.Close()
	again := open(t, j.path, Options{})
	if n := len(again.state.entries); again.SetAside() != "" || n != want || again.state.request(t, "after") != 5 {
		t.Errorf("opened again: %d entries, set aside %q; want %d and nothing", n, again.SetAside(), want)
	}
	again.Close()
}
