package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzParse holds that no file panics, that every error names the file, and
// that what is accepted keeps what Policy promises.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no policies to start from", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("p.yaml", data, sweeps)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "p.yaml:") {
					t.Fatalf("an error without its file: %q", err)
				}
			}
			return
		}
		if len(p.Hash) != 12 || len(p.Cases) == 0 || p.Cooldown < 0 || p.Watch <= 0 || p.Attempts.Count < 1 || p.Attempts.Per <= 0 || p.Recheck <= 0 ||
			p.Budget.Nodes < 1 || p.Budget.Ratio <= 0 || p.Breaker.Nodes < 2 || p.Breaker.Ratio <= 0 || p.Breaker.Within <= 0 || p.Approval <= 0 {
			t.Fatalf("%+v", p)
		}
		for _, c := range p.Cases {
			if len(c.Match) == 0 || len(c.Ladder) == 0 || !(c.Start >= 0 && c.Start < c.Target && c.Target <= 1) {
				t.Fatalf("%+v", c)
			}
			if c.matches(nil) {
				t.Fatalf("%v matches an alert without labels", c.Match)
			}
			for _, rung := range c.Ladder {
				if rung.Remedy == nil {
					t.Fatal("a rung without a remedy")
				}
			}
		}
		now := time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC)
		next, ok := p.NextWindow(now)
		if ok != (len(p.Disruptive) > 0) || ok && (!next.After(now) || !p.InWindow(next)) {
			t.Fatalf("%v: the next window begins at %s, %v", p.Disruptive, next, ok)
		}
		again, err := Parse("p.yaml", data, sweeps)
		if err != nil || again.Hash != p.Hash {
			t.Fatalf("read again: %v", err)
		}
	})
}
