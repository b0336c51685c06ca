package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeheadroom/headroom"
)

// old returns a journal as the release before wrote it: the header said 1.
func old(t *testing.T, n int) string {
	t.Helper()
	path := filled(t, n)
	write(t, path, reheader(contents(t, path), 16, oldVersion))
	return path
}

func headerVersion(t *testing.T, path string) uint32 {
	t.Helper()
	return binary.LittleEndian.Uint32(contents(t, path)[16:])
}

func TestAJournalOfVersion1IsReadAndBecomesOneOfVersion2(t *testing.T) {
	path := old(t, 8)
	if cs, err := Read(path); err != nil || len(cs) != 8 {
		t.Fatalf("Read: %d cases, %v; want 8", len(cs), err)
	}
	if v := headerVersion(t, path); v != oldVersion {
		t.Fatalf("reading made it version %d", v)
	}
	size := len(contents(t, path))
	j := open(t, path, Options{})
	if aside := j.SetAside(); aside != "" || len(beside(t, path)) > 0 {
		t.Fatalf("set aside as %q", aside)
	}
	for n := range 8 {
		if got := j.state.request(t, fmt.Sprint("node-", n)); got != 1 {
			t.Errorf("node-%d has request %d", n, got)
		}
	}
	if c, err := j.Control(t.Context()); err != nil || c.Version != "" {
		t.Errorf("it has a control: %+v, %v", c, err)
	}
	if v := headerVersion(t, path); v != fileVersion || len(contents(t, path)) != size {
		t.Errorf("version %d in a file of %d bytes, want version %d in %d", v, len(contents(t, path)), fileVersion, size)
	}
	if err := j.SaveControl(t.Context(), &headroom.Control{Grants: []headroom.Grant{{Node: "n1"}}}); err != nil {
		t.Fatal(err)
	}
	worksAgain(t, j)
}

// A release that knows only version 1 drops what it does not know of a case, and
// takes a record with a control for damage. It must see the new version before
// there can be either.
func TestNothingIsWrittenToAJournalOfVersion1BeforeItsHeaderSays2(t *testing.T) {
	path := old(t, 3)
	var rec *tape
	j := open(t, path, Options{wrap: func(f file) file { rec = &tape{file: f}; return rec }})
	j.Close()
	if len(rec.ops) < 3 || rec.ops[0].offset != 0 || binary.LittleEndian.Uint32(rec.ops[0].data[16:]) != fileVersion {
		t.Fatal("the header is not written first")
	}
	if !rec.ops[1].sync {
		t.Error("something is written before the header is on the disk")
	}
	for _, o := range rec.ops[2:] {
		if o.data != nil && o.offset == 0 {
			t.Error("the header is written twice")
		}
	}
}

func TestPowerLossWhileTheHeaderIsRenewedLosesNothing(t *testing.T) {
	path := old(t, 5)
	image := contents(t, path)
	var rec *tape
	open(t, path, Options{wrap: func(f file) file { rec = &tape{file: f}; return rec }}).Close()
	seen := map[uint32]bool{}
	rec.replay(bytes.Clone(image), rand.New(rand.NewPCG(1, 2)), func(disk []byte) {
		r := recovery(bytes.NewReader(disk), int64(len(disk)))
		if r.damage != nil {
			t.Fatalf("damaged: %v", r.damage)
		}
		seen[binary.LittleEndian.Uint32(disk[16:])] = true
		for n := range 5 {
			if r.state.request(t, fmt.Sprint("node-", n)) != 1 {
				t.Fatalf("node-%d is lost", n)
			}
		}
	})
	if !seen[oldVersion] || !seen[fileVersion] {
		t.Errorf("versions on the disk: %v, want both", seen)
	}
}

func TestAJournalWhoseHeaderCannotBeRenewedIsLeftAsItWas(t *testing.T) {
	path := old(t, 3)
	before := contents(t, path)
	_, err := Open(path, Options{wrap: func(f file) file { return unwritable{f} }})
	if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), path+": renew its header: ") {
		t.Errorf("Open: %v", err)
	}
	if !bytes.Equal(contents(t, path), before) || len(beside(t, path)) > 0 {
		t.Error("something was changed")
	}
}

// An unwritable file is that of a disk whose writes fail.
type unwritable struct{ file }

func (unwritable) WriteAt([]byte, int64) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "journal", Err: syscall.EIO}
}

// A snapshot holds the control, too, and damage elsewhere does not take it.
func TestTheControlOutlivesGenerationsAndDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, Options{Size: MinSize})
	want := headroom.Control{Pause: &headroom.Pause{By: "root"}}
	if err := j.SaveControl(t.Context(), &want); err != nil {
		t.Fatal(err)
	}
	first := j.at.generation
	for n := 0; j.at.generation < first+3; n++ {
		ask(t, j, request("n1", n))
	}
	j.Close()
	b := contents(t, path)
	write(t, path, append(b, 0))
	j = open(t, path, Options{Size: MinSize, Now: noon})
	if !strings.Contains(j.SetAside(), ".damaged-") {
		t.Fatalf("set aside as %q", j.SetAside())
	}
	if c, err := j.Control(t.Context()); err != nil || c.Version != "1" || c.Pause == nil || c.Pause.By != "root" {
		t.Errorf("control %+v, %v", c, err)
	}
}
