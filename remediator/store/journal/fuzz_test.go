package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		newest, control := untouched(t, pristine, found, from, to)
		if got := j.state.control(t); got < control || got != read.control(t) {
			t.Errorf("the control has version %d, Read says %d; version %d was not touched", got, read.control(t), control)
		}
		for node, n := range newest {
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
		c, err := j.Control(tb.Context())
		if err == nil {
			err = j.SaveControl(tb.Context(), &c)
		}
		if err := errors.Join(err, j.Close()); err != nil {
			tb.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// untouched returns the newest request of each node, and the version of the
// control, in those records of a file that a change of its bytes from from to to
// leaves as they are.
func untouched(t *testing.T, file []byte, found []record, from, to int) (newest map[string]int, control int) {
	s, st := &scanner{f: bytes.NewReader(file), limit: int64(len(file))}, newState()
	for _, r := range found {
		if int(r.end()) <= from || int(r.offset) >= to {
			if err := st.read(s, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	newest = map[string]int{}
	for k := range st.entries {
		if k != controlKey {
			newest[k.node] = st.request(t, k.node)
		}
	}
	return newest, st.control(t)
}

// control returns the version of the control, or 0 if there is none.
func (s *state) control(t *testing.T) (version int) {
	t.Helper()
	e, ok := s.entries[controlKey]
	if !ok {
		return 0
	}
	version, err := strconv.Atoi(e.version)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// FuzzEntries holds that no payload panics, and that what is read of one is
// written so that it is read the same.
func FuzzEntries(f *testing.F) {
	c := headroom.Case{Node: "n1", Signal: headroom.NodeFSAvailable}
	c.Begin(headroom.Episode{ID: "e1", Request: request("n1", 1), Phase: headroom.Waiting})
	requested, _ := requestEntry(request("n1", 2))
	saved, _ := caseEntry(c, "7")
	control, _ := controlEntry(headroom.Control{Grants: []headroom.Grant{{Node: "n1"}}}, "3")
	f.Add(appendPayload(nil, []entry{requested, saved, control}))
	for _, payload := range []string{"", "[]", "null", "{}", "[{}]", "[null]", `[{"request":{},"case":{}}]`, `[{"control":{}},{"control":{"version":"x"}}]`} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		es, err := parseEntries(payload)
		if err != nil {
			return
		}
		st := newState()
		st.put(es...)
		once, err := cases(st.sorted())
		if err != nil {
			t.Fatalf("read once and not again: %v", err)
		}
		again := newState()
		for _, group := range st.snapshot(4 << 10) {
			es, err := parseEntries(appendPayload(nil, group))
			if err != nil {
				t.Fatalf("written and not read again: %v", err)
			}
			again.put(es...)
		}
		twice, err := cases(again.sorted())
		if diff := cmp.Diff(once, twice); err != nil || diff != "" || again.size != st.size || len(again.entries) != len(st.entries) {
			t.Fatalf("%v, %d bytes in %d entries, then %d in %d\n%s", err, st.size, len(st.entries), again.size, len(again.entries), diff)
		}
	})
}
