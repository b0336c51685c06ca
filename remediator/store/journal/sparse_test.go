package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSparseFileGetsItsSpaceWhenItIsOpened(t *testing.T) {
	for name, disk := range disks() {
		for _, room := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " with room ", room), func(t *testing.T) {
				dir := disk(t)
				path := filepath.Join(dir, "journal")
				sparse(t, filled(t, 5), path)
				if !room {
					fillDisk(t, dir)
					if _, err := Open(path, Options{}); !errors.Is(err, unix.ENOSPC) {
						t.Fatalf("Open: %v, want no space", err)
					}
					return
				}
				j := open(t, path, Options{})
				if n := len(j.state.entries); n != 5 || j.SetAside() != "" {
					t.Errorf("%d entries, set aside %q; want 5 and nothing", n, j.SetAside())
				}
				fillDisk(t, dir)
				many(t, j)
				j.Close()
			})
		}
	}
}

// sparse copies a journal but for the blocks that hold filler.
func sparse(t *testing.T, from, to string) {
	t.Helper()
	b := contents(t, from)
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(b); at += block {
		if bytes.Contains(b[at:at+block], []byte(filler)) {
			continue
		}
		if _, err := f.WriteAt(b[at:at+block], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(int64(len(b))), f.Close()); err != nil {
		t.Fatal(err)
	}
}
