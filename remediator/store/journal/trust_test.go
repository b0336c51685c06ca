package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestFallbackThatOthersCanWriteIsNotTrusted(t *testing.T) {
	// Without root there is no second user to give anything to.
	another := func(path string) error {
		if os.Chown(path, 1, 1) == nil {
			return nil
		}
		return os.Chmod(path, 0o770)
	}
	for sentence, plant := range map[string]func(fallback string) error{
		"a folder for all":      func(p string) error { return os.Chmod(filepath.Dir(p), 0o777) },
		"a sticky folder":       func(p string) error { return os.Chmod(filepath.Dir(p), 0o777|os.ModeSticky) },
		"another user's folder": func(p string) error { return another(filepath.Dir(p)) },
		"a file for all":        func(p string) error { return os.Chmod(p, 0o602) },
		"a file for a group":    func(p string) error { return os.Chmod(p, 0o620) },
		"another user's file":   another,
		"a link to such a folder": func(p string) error {
			folder := filepath.Dir(p)
			return errors.Join(another(folder), os.Rename(folder, folder+"-theirs"), os.Symlink(folder+"-theirs", folder))
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			planted := contents(t, filled(t, 2))
			fallback := filepath.Join(nodetest.Tmpfs(t, 4<<20, 0), "headroom", "journal")
			if err := os.Mkdir(filepath.Dir(fallback), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, fallback, planted)
			if err := plant(fallback); err != nil {
				t.Fatal(err)
			}
			var loud bytes.Buffer
			o := Options{Size: MinSize, Logger: slog.New(slog.NewTextHandler(&loud, nil))}
			j, err := OpenWithFallback(filepath.Join(t.TempDir(), "journal"), fallback, o)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(j.state.entries); n != 0 || !strings.Contains(loud.String(), "not to be trusted") {
				t.Errorf("carried over %d entries, and said %q", n, &loud)
			}
			j.Close()
			_, err = OpenWithFallback("/proc/journal", fallback, o)
			if err == nil || !strings.Contains(err.Error(), "not to be trusted") || !strings.Contains(err.Error(), filepath.Dir(fallback)) {
				t.Errorf("OpenWithFallback: %v, want an error that names what is not to be trusted", err)
			}
			if !bytes.Equal(contents(t, fallback), planted) || len(beside(t, fallback)) > 0 {
				t.Error("what was planted has been touched")
			}
		})
	}
}

func TestJournalIsMadeForItsUserAlone(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	path := filepath.Join(t.TempDir(), "headroom", "journal")
	open(t, path, Options{Size: MinSize})
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

func TestJournalThatTakesNoWritesFallsBack(t *testing.T) {
	path, fallback := filled(t, 2), filepath.Join(nodetest.Tmpfs(t, 4<<20, 0), "journal")
	thinPool := func(f file) file {
		if f.(osFile).Name() == path {
			return &faulty{file: f, write: unix.ENOSPC, every: true}
		}
		return f
	}
	j, err := OpenWithFallback(path, fallback, Options{Size: MinSize, wrap: thinPool})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, j, request("node-1", 2))
	if !j.InMemory() || j.Path() != fallback {
		t.Errorf("in memory %v, at %s", j.InMemory(), j.Path())
	}
	j.Close()
	wantRequests(t, withFallback(t, path, fallback).state, map[string]int{"node-0": 1, "node-1": 2})
}

func TestNoGenerationComesAfterTheLast(t *testing.T) {
	path := filled(t, 1)
	b := contents(t, path)
	last := seal(appendPayload(make([]byte, recordHeader), nil), record{kind: entries, generation: math.MaxUint64, snapshot: 1})
	copy(b[layoutOf(MinSize).start(0):], last)
	write(t, path, b)
	j := open(t, path, Options{Size: MinSize})
	if j.SetAside() == "" || j.state.request(t, "node-0") != 1 {
		t.Errorf("set aside %q, %d entries", j.SetAside(), len(j.state.entries))
	}
	worksAgain(t, j)
}
