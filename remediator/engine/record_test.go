package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// However much remedies and alerts have to say, a case can be saved: one that
// cannot would hold up everything for ever.
func TestARecordNeverGrowsTooLargeToBeKept(t *testing.T) {
	play(t, func(b *bench) {
		var notes []string
		for i := range 2 * maxNotes {
			notes = append(notes, fmt.Sprintf("%d %s", i, strings.Repeat("<", 2*maxText)))
		}
		ladder := make([]*digger, 6)
		for range headroom.MaxEpisodes + 2 {
			for i := range ladder {
				ladder[i] = &digger{name: fmt.Sprint("dig", i), pieces: []int64{1, 1, 1}, notes: notes}
			}
			b.on(ladder...).disk.set(130)
			b.Policy.Recheck = 0 // one episode an alert
			b.Policy.Cooldown, b.Policy.Attempts.Per = time.Second, time.Second
			b.start = time.Now()
			a := b.alert(nodefs)
			a.Labels["long"] = strings.Repeat("<", 4000)
			b.receive(a)
			b.pass(30 * time.Second)
		}
		c := b.load(nodefs)
		last := c.Last()
		if last.Outcome != headroom.Exhausted || len(last.Rungs) != 4*len(ladder) || !last.Request.StartsAt.Equal(b.start) {
			t.Errorf("the last episode is %s with %d rungs, of %s", last.Outcome, len(last.Rungs), last.Request.StartsAt)
		}
		if raw, err := json.Marshal(c); err != nil || len(raw) > maxRecord+len(`{"request":}`)+24<<10 {
			t.Errorf("the case takes %d bytes, %v", len(raw), err)
		}
		count(t, b.Metrics.storeErrors, 0)
	})
}

func TestTheLargestEpisodeCanBeSaved(t *testing.T) {
	play(t, func(b *bench) {
		ladder := make([]*digger, 20)
		for i := range ladder {
			ladder[i] = &digger{name: fmt.Sprint("dig", i), pieces: []int64{1, 1, 1}, err: errors.New(strings.Repeat("\x01", 2*maxText))}
		}
		b.on(ladder...).disk.set(100)
		a := b.alert(nodefs)
		a.Labels["long"] = strings.Repeat("<", 4000)
		b.receive(a)
		b.pass(10 * time.Minute)
		if last := b.load(nodefs); last.Last().Outcome != headroom.Failed || len(last.Last().Rungs) != maxRungs {
			t.Errorf("the episode is %s with %d rungs", last.Last().Outcome, len(last.Last().Rungs))
		}
		count(t, b.Metrics.storeErrors, 0)
	})
}

func TestAnEpisodeRecordsNoMoreRungsThanFit(t *testing.T) {
	play(t, func(b *bench) {
		ladder := make([]*digger, maxRungs/repeats+1)
		for i := range ladder {
			ladder[i] = &digger{name: fmt.Sprint("dig", i), pieces: []int64{1}, hold: make(chan struct{})}
		}
		for range maxRungs + 5 {
			b.on(ladder...).disk.set(100)
			b.receive(b.alert(nodefs))
			b.pass(time.Second)
		}
		c := b.load(nodefs)
		if n := len(c.Episodes[0].Rungs); n != maxRungs {
			t.Errorf("%d rungs are on record, want %d", n, maxRungs)
		}
	})
}

func TestNotesAreFewAndShort(t *testing.T) {
	notes := make([]string, maxNotes)
	notes[0] = strings.Repeat("é", maxText)
	got := bounded(slices.Clone(notes))
	if len(got) != maxNotes || len(got[0]) > maxText+len("…") || !utf8.ValidString(got[0]) {
		t.Errorf("%d notes, %d bytes in one", len(got), len(got[0]))
	}
	if got := bounded(append(notes, "", "")); len(got) != maxNotes+1 || got[maxNotes] != "… and 2 more" {
		t.Errorf("%d notes: %q", len(got), got)
	}
}

// lines are what a list of removed things holds, whole or not.
func lines(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.SplitAfter(string(content), "\n")
	return all[:len(all)-1]
}

func TestAuditCountsExactlyWhatAFullDiskLost(t *testing.T) {
	disk := nodetest.Tmpfs(t, 1<<20, 0)
	path := filepath.Join(disk, "audit.log")
	lost, warnings := 0, new(strings.Builder)
	a := NewAudit(path, 1<<30, func(n int) { lost += n }, slog.New(slog.NewTextHandler(warnings, nil)))
	const all = 10_000
	for range all {
		a.record("episode", "dig", remedy.Item{Does: remedy.Remove, What: strings.Repeat("x", 200)}, headroom.Amount{Bytes: 1})
	}
	a.flush()
	kept := lines(t, path)
	if lost == 0 || len(kept) == 0 || lost+len(kept) != all {
		t.Errorf("%d lines are lost and %d kept of %d", lost, len(kept), all)
	}
	if last := kept[len(kept)-1]; !json.Valid([]byte(last)) {
		t.Errorf("the last line is cut: %q", last)
	}
	if got := strings.Count(warnings.String(), "\n"); got != 1 {
		t.Errorf("%d warnings, want one for all", got)
	}
}

func TestAuditIsSetAsideAndStartsAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	a := NewAudit(path, 100, func(n int) { t.Errorf("%d lines are lost", n) }, slog.New(slog.DiscardHandler))
	for _, what := range []string{"first", "second", "third"} {
		a.record("episode", "dig", remedy.Item{Does: remedy.Remove, What: what}, headroom.Amount{})
		a.flush()
	}
	for name, want := range map[string]string{path: "third", path + ".1": "second"} {
		if got := lines(t, name); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s holds %q, want %s", name, got, want)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode().Perm(), err)
		}
	}
}

func TestAuditWithoutAFolderLosesAndSaysSoOnce(t *testing.T) {
	lost, warnings := 0, new(strings.Builder)
	a := NewAudit(filepath.Join(t.TempDir(), "nowhere", "audit.log"), 1<<20, func(n int) { lost += n }, slog.New(slog.NewTextHandler(warnings, nil)))
	for range 1000 {
		a.record("episode", "dig", remedy.Item{}, headroom.Amount{})
	}
	a.flush()
	if lost != 1000 || strings.Count(warnings.String(), "\n") != 1 || !strings.Contains(warnings.String(), fs.ErrNotExist.Error()) && !strings.Contains(warnings.String(), "no such file") {
		t.Errorf("%d lines are lost:\n%s", lost, warnings)
	}
}
