package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestEarlierFileSetAsideIsNeverOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	for n := range 4 {
		write(t, path, []byte{byte(n)})
		j := open(t, path, Options{Size: MinSize, Now: noon})
		j.Close()
	}
	for n, name := range []string{"", "-2", "-3", "-4"} {
		name = path + ".damaged-20260329T120000Z" + name
		if b := contents(t, name); !bytes.Equal(b, []byte{byte(n)}) {
			t.Errorf("%s holds %d bytes, want the one of round %d", name, len(b), n)
		}
	}
}

func TestHalfMadeFileOfAKilledStartIsNoHindrance(t *testing.T) {
	path := filled(t, 3)
	for _, sentence := range []string{"beside a journal", "alone"} {
		write(t, path+newSuffix, []byte("half"))
		j := open(t, path, Options{Size: MinSize})
		if names := beside(t, path); len(names) > 0 || j.SetAside() != "" {
			t.Errorf("%s: %v remain, set aside %q", sentence, names, j.SetAside())
		}
		j.Close()
		os.Remove(path)
	}
}

// Two attempts at one snapshot may be made of different states: parts of both
// must never make a whole.
func TestRemainsOfAnAttemptAreNotPartOfTheNext(t *testing.T) {
	path := filled(t, 3)
	b := contents(t, path)
	r := recovery(bytes.NewReader(b), int64(len(b)))
	e, err := requestEntry(request("other", 1))
	if err != nil {
		t.Fatal(err)
	}
	remains := record{kind: entries, generation: r.newest + 1, sequence: 1, snapshot: 2}
	copy(b[r.layout.start(0)+block:], seal(appendPayload(make([]byte, recordHeader), []entry{e}), remains))
	write(t, path, b)
	j := open(t, path, Options{})
	if j.at.generation <= remains.generation || j.SetAside() != "" || len(j.state.entries) != 3 {
		t.Errorf("generation %d, want more than %d; set aside %q, %d entries",
			j.at.generation, remains.generation, j.SetAside(), len(j.state.entries))
	}
}
