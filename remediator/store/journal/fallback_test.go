package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func withFallback(t *testing.T, path, fallback string) *Journal {
	t.Helper()
	j, err := OpenWithFallback(path, fallback, Options{Size: MinSize})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestReadOnlyFilesystemUsesTheFallbackAndComesBack(t *testing.T) {
	for name, disk := range disks() {
		t.Run(name, func(t *testing.T) {
			dir := disk(t)
			path, fallback := filepath.Join(dir, "journal"), filepath.Join(nodetest.Tmpfs(t, 4<<20, 0), "headroom", "journal")
			j := withFallback(t, path, fallback)
			if j.Path() != path {
				t.Errorf("at %s, want %s", j.Path(), path)
			}
			ask(t, j, request("old", 1), request("both", 1))
			j.Close()
			before := contents(t, path)

			readOnly(t, dir, true)
			if _, err := Open(path, Options{}); !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open: %v, want read-only, with the path", err)
			}
			for round := 2; round < 4; round++ { // the second finds the fallback in use before
				var loud bytes.Buffer
				j, err := OpenWithFallback(path, fallback, Options{Size: MinSize, Logger: slog.New(slog.NewTextHandler(&loud, nil))})
				if err != nil {
					t.Fatal(err)
				}
				if !j.InMemory() || j.Path() != fallback || !strings.Contains(loud.String(), "read-only file system") {
					t.Errorf("in memory %v, at %s, and said %q; want the fallback and why", j.InMemory(), j.Path(), &loud)
				}
				ask(t, j, request("both", round), request("new", round))
				wantRequests(t, j.state, map[string]int{"old": 1, "both": round, "new": round})
				j.Close()
			}
			if !bytes.Equal(contents(t, path), before) {
				t.Error("a file on a read-only filesystem has changed")
			}

			readOnly(t, dir, false)
			j = withFallback(t, path, fallback)
			if j.Path() != path || j.SetAside() != "" {
				t.Errorf("at %s, set aside %q; want %s and nothing", j.Path(), j.SetAside(), path)
			}
			wantRequests(t, j.state, map[string]int{"old": 1, "both": 3, "new": 3})
			if _, err := os.Stat(fallback); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the fallback is still there: %v", err)
			}
			j.Close()
		})
	}
}

func wantRequests(t *testing.T, s *state, want map[string]int) {
	t.Helper()
	for node, n := range want {
		if got := s.request(t, node); got != n {
			t.Errorf("%s has request %d, want %d", node, got, n)
		}
	}
}

func TestFallbackMustBeInMemory(t *testing.T) {
	path, fallback := "/proc/journal", "/proc/self/journal" // neither takes a file
	_, err := OpenWithFallback(path, fallback, Options{})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), fallback+": not on memory-backed space") {
		t.Errorf("OpenWithFallback: %v, want both paths and what is wrong with them", err)
	}
}

func TestWithoutAFallbackTheErrorIsOpens(t *testing.T) {
	if _, err := OpenWithFallback("/proc/journal", "", Options{}); err == nil || strings.Contains(err.Error(), "fallback") {
		t.Errorf("OpenWithFallback: %v, want an error without a word about fallbacks", err)
	}
}

func TestJournalInUseIsNoReasonToFallBack(t *testing.T) {
	path, fallback := filepath.Join(t.TempDir(), "journal"), filepath.Join(nodetest.Tmpfs(t, 4<<20, 0), "journal")
	withFallback(t, path, fallback)
	for name, openIt := range map[string]func() (*Journal, error){
		"Open":             func() (*Journal, error) { return Open(path, Options{}) },
		"OpenWithFallback": func() (*Journal, error) { return OpenWithFallback(path, fallback, Options{}) },
	} {
		if _, err := openIt(); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want in use, with the path", name, err)
		}
	}
}

func TestFallbackInUseIsNotCarriedOver(t *testing.T) {
	path, fallback := filepath.Join(t.TempDir(), "journal"), filepath.Join(nodetest.Tmpfs(t, 4<<20, 0), "journal")
	running := open(t, fallback, Options{Size: MinSize})
	if _, err := OpenWithFallback(path, fallback, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fallback) {
		t.Errorf("OpenWithFallback: %v, want in use, with the fallback's path", err)
	}
	ask(t, running, request("n1", 1))
	running.Close()
	wantRequests(t, withFallback(t, path, fallback).state, map[string]int{"n1": 1})
}

func TestDamagedFallbackIsSetAside(t *testing.T) {
	path, fallback := filepath.Join(t.TempDir(), "journal"), filepath.Join(nodetest.Tmpfs(t, 4<<20, 0), "journal")
	damaged := zero(contents(t, filled(t, 4)), 0, block)
	write(t, fallback, damaged)
	j := withFallback(t, path, fallback)
	if len(j.state.entries) != 4 || j.SetAsideCount() != 1 || !bytes.Equal(contents(t, j.SetAside()), damaged) {
		t.Errorf("%d entries, %d set aside, as %q", len(j.state.entries), j.SetAsideCount(), j.SetAside())
	}
	if names := beside(t, fallback); len(names) != 1 {
		t.Errorf("beside the fallback are %v", names)
	}
}

func TestWhatIsNoFileIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Symlink(filepath.Join(dir, "nowhere"), link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, link, dir} {
		before := listing(t, dir)
		if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%s): %v, want an error with the path", path, err)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("Open(%s) left something behind", path)
		}
	}
}

func TestLinkedJournalStaysWhereItIs(t *testing.T) {
	path := filled(t, 2)
	link := filepath.Join(t.TempDir(), "journal")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	write(t, path, zero(contents(t, path), 0, block))
	j := open(t, link, Options{Size: MinSize})
	if filepath.Dir(j.SetAside()) != filepath.Dir(path) || len(j.state.entries) != 2 {
		t.Errorf("set aside as %s, %d entries", j.SetAside(), len(j.state.entries))
	}
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link leads to %q: %v", to, err)
	}
}
