package remediator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhateverIsThereOptsANodeOut(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"an empty file":     func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a folder":          func(path string) error { return os.Mkdir(path, 0o700) },
		"a link to nothing": func(path string) error { return os.Symlink("nothing", path) },
		"a pipe":            func(path string) error { return unix.Mkfifo(path, 0o600) },
		"a long line":       func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("\x1b", 1<<20)), 0o600) },
	} {
		s := settings{optOutFile: filepath.Join(t.TempDir(), "opt-out")}
		if why, err := s.optedOut(t.Context()); why != "" || err != nil {
			t.Errorf("%s, before it is there: %q, %v", name, why, err)
		}
		if err := make(s.optOutFile); err != nil {
			t.Fatal(err)
		}
		why, err := s.optedOut(t.Context())
		if why == "" || err != nil || len(why) > 2000 || strings.Contains(why, "\x1b") {
			t.Errorf("%s: %q, %v", name, why, err)
		}
	}
	// Whether it is there cannot be told.
	s := settings{optOutFile: filepath.Join(os.Args[0], "opt-out")}
	if why, err := s.optedOut(t.Context()); err == nil {
		t.Errorf("beneath a file: %q", why)
	}
}
