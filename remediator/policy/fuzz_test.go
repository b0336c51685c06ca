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

// FuzzWindow holds that whatever is taken for a window begins, covers what lies
// within and nothing else, and comes again within two weeks, at any time and
// through every change of any zone's clock.
func FuzzWindow(f *testing.F) {
	for _, text := range []string{
		"Sat 02:00-06:00 Europe/Berlin", "daily 00:00-24:00", "Sun 02:15-02:45 America/New_York", "Fri-Mon,Wed 23:59-00:00 Pacific/Apia",
		"Sun 01:45-02:15 Australia/Lord_Howe", "daily 00:30-00:31 Africa/Casablanca", "Sat", "",
	} {
		for _, at := range []int64{1774746000, 1792890000, 1325239200, 0} { // both changes in Berlin in 2026, the day Apia left out
			f.Add(text, at)
		}
	}
	const century = 100 * 365 * 24 * 3600
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		w, err := parseWindow(text)
		if err != nil {
			return
		}
		now := time.Unix(seconds%century, 0)
		next := w.next(now)
		if !next.After(now) || next.Sub(now) > 15*24*time.Hour || !w.Covers(next) {
			t.Fatalf("%s: after %s comes %s, which it covers: %v", w, now.UTC(), next.UTC(), w.Covers(next))
		}
		if p := (&Policy{Disruptive: []Window{w}}); p.InWindow(now) != w.Covers(now) {
			t.Fatalf("%s: the policy covers %s: %v", w, now.UTC(), p.InWindow(now))
		}
		// What is not covered does not begin to be before the next window.
		outside := !w.Covers(now)
		for at := now; outside && at.Before(next); at = at.Add(17 * time.Minute) {
			if w.Covers(at) {
				t.Fatalf("%s: covers %s, although the next after %s is %s", w, at.UTC(), now.UTC(), next.UTC())
			}
		}
	})
}
