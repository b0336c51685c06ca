package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestFullDiskKeepsTakingRequests(t *testing.T) {
	for name, disk := range disks() {
		for _, sentence := range []string{"filled while it is open", "full when it is opened"} {
			t.Run(name+" "+sentence, func(t *testing.T) {
				dir := disk(t)
				path := filepath.Join(dir, "journal")
				j := open(t, path, Options{})
				if sentence == "full when it is opened" {
					j.Close()
				}
				fillDisk(t, dir)
				if sentence == "full when it is opened" {
					j = open(t, path, Options{})
				}
				many(t, j)
				j.Close()
				j = open(t, path, Options{})
				if n := len(j.state.entries); n != 40 || j.SetAside() != "" {
					t.Errorf("opened again: %d entries, set aside %q; want 40 and nothing", n, j.SetAside())
				}
				j.Close()
			})
		}
	}
}

// many asks 5,000 times, and saves 20 cases again and again.
func many(t *testing.T, j *Journal) {
	t.Helper()
	var all sync.WaitGroup
	for w := range 20 {
		node := fmt.Sprint("w", w)
		all.Go(func() {
			c := headroom.Case{Node: node, Signal: headroom.NodeFSAvailable}
			for n := range 250 {
				if err := errors.Join(j.Request(t.Context(), []headroom.Request{request(node, n)}), j.Save(t.Context(), &c)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestFullDiskWithoutAJournal(t *testing.T) {
	for name, disk := range disks() {
		t.Run(name, func(t *testing.T) {
			dir := disk(t)
			fillDisk(t, dir)
			path, before := filepath.Join(dir, "journal"), listing(t, dir)
			_, err := Open(path, Options{})
			if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), path) {
				t.Fatalf("Open: %v, want no space, with the path", err)
			}
			emptyInode(t, dir) // an inode for it, but no room
			if _, err := Open(path, Options{}); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("Open: %v, want no space", err)
			}
			if after := listing(t, dir); after != before-1 {
				t.Errorf("%d files, %d before: something half made was left behind", after, before-1)
			}
		})
	}
}

func emptyInode(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "inode-0")); err != nil {
		t.Fatal(err)
	}
}

func listing(t *testing.T, dir string) int {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(es)
}

func TestDamagedFileOnAFullDiskIsLeftAlone(t *testing.T) {
	for name, disk := range disks() {
		t.Run(name, func(t *testing.T) {
			dir := disk(t)
			path := filepath.Join(dir, "journal")
			b := contents(t, filled(t, 5))
			b[60]++ // the header's checksum
			write(t, path, b)
			fillDisk(t, dir)
			before := listing(t, dir)
			if _, err := Open(path, Options{}); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "header: checksum") {
				t.Errorf("Open: %v, want what is damaged and no space", err)
			}
			if !bytes.Equal(contents(t, path), b) || listing(t, dir) != before {
				t.Error("the file was touched, or another one made")
			}
			fallback := filepath.Join(nodetest.Tmpfs(t, 24<<20, 0), "journal")
			j, err := OpenWithFallback(path, fallback, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if n := len(j.state.entries); n != 5 || !j.InMemory() || j.Path() != fallback {
				t.Errorf("%d entries, in memory %v, at %s; want what could be read of the damaged file in the fallback", n, j.InMemory(), j.Path())
			}
		})
	}
}
