package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// FuzzOpen lays data over a sound journal at an offset, or, if it is empty, cuts
// the journal there; or takes data for the whole file.
func FuzzOpen(f *testing.F) {
	pristine := twoGenerations(f)
	found, _ := (&scanner{f: bytes.NewReader(pristine), limit: int64(len(pristine))}).all()
	l := layoutOf(MinSize)
	f.Add([]byte{}, uint32(MinSize/2), false)
	f.Add([]byte{}, uint32(0), false)
	f.Add([]byte("#!/bin/sh\n"), uint32(0), true)
	f.Add(pristine[:3*block], uint32(0), true)
	for _, r := range found {
		f.Add([]byte{0xff}, uint32(r.offset), false)
		f.Add([]byte{0, 0, 0, 0}, uint32(r.offset)+28, false)
		f.Add(pristine[r.offset:r.end()], uint32(l.start(0)), false)
	}
	disk := nodetest.Tmpfs(f, 64<<20, 0) // syncs of a real disk would be all the fuzzer does
	f.Fuzz(func(t *testing.T, data []byte, offset uint32, whole bool) {
		at := int(offset) % len(pristine)
		b, from, to := bytes.Clone(pristine), at, min(at+len(data), len(pristine))
		switch {
		case whole:
			b, from, to = data, 0, len(pristine)
		case len(data) == 0:
			b, to = b[:at], len(pristine)
		default:
			copy(b[at:], data)
		}
		dir, err := os.MkdirTemp(disk, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "journal")
		write(t, path, b)
		read, _ := read(path)
		j := open(t, path, Options{Size: MinSize, Now: noon})
		defer j.Close()
		if aside := j.SetAside(); aside != "" {
			if !bytes.Equal(contents(t, aside), b) {
				t.Fatal("the file was changed before it was set aside")
			}
			if strings.Contains(aside, ".newer-") {
				return
			}
		}
		for node, n := range untouched(t, pristine, found, from, to) {
			if got, same := j.state.request(t, node), read.request(t, node); got < n || same != got {
				t.Errorf("%s has request %d, Read says %d; record %d was not touched", node, got, same, n)
			}
		}
		worksAgain(t, j)
	})
}

// twoGenerations returns a journal with records in both regions.
func twoGenerations(tb testing.TB) []byte {
	path := filepath.Join(tb.TempDir(), "journal")
	for generation := range 3 {
		j, err := Open(path, Options{Size: MinSize})
		if err != nil {
			tb.Fatal(err)
		}
		for n := range 4 {
			if err := j.Request(tb.Context(), []headroom.Request{request(fmt.Sprint("n", n), generation)}); err != nil {
				tb.Fatal(err)
			}
		}
		if err := j.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// untouched returns the newest request of each node in those records of a file
// that a change of its bytes from from to to leaves as they are.
func untouched(t *testing.T, file []byte, found []record, from, to int) map[string]int {
	s, st := &scanner{f: bytes.NewReader(file), limit: int64(len(file))}, newState()
	for _, r := range found {
		if int(r.end()) <= from || int(r.offset) >= to {
			if err := st.read(s, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	newest := map[string]int{}
	for k := range st.entries {
		newest[k.node] = st.request(t, k.node)
	}
	return newest
}
