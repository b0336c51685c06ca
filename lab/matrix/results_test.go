package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var now = inputs{revision: "v1", with: "w", without: "o"}

// played is a result that counts for a row.
func played(r row, with bool, play int) result {
	return result{Row: r.name(), With: with, Play: play, Parameters: hash(r.parameters()), Took: now.of(with)}
}

func keep(t *testing.T, dir string, all ...result) *results {
	t.Helper()
	kept, err := openResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if err := kept.add(one); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept.all, again.all, cmp.AllowUnexported(key{})); diff != "" {
		t.Errorf("read again (-kept +read):\n%s", diff)
	}
	return again
}

func TestAMatrixGoesOnWhereItWas(t *testing.T) {
	r := row{logs, oneDisk, burst}
	older, other := played(r, true, 1), played(r, true, 2)
	older.Took, other.Parameters = "what was before", "what it was before"
	again := played(r, false, 1)
	again.Pressure = true
	kept := keep(t, t.TempDir(), older, other, played(r, true, 3), played(r, false, 1), again)

	var names []string
	for _, p := range missing([]row{r}, kept, now, false) {
		names = append(names, p.String())
	}
	want := []string{
		"logs/one/burst with #1", // by another product
		"logs/one/burst with #2", // of other parameters
		"logs/one/burst without #2", "logs/one/burst without #3",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if counts := kept.counts(r, false, now); len(counts) != 1 || !counts[0].Pressure {
		t.Errorf("of two results of a play %+v counts, not the newer", counts)
	}
	if got := len(missing([]row{r}, kept, now, true)); got != 2*plays {
		t.Errorf("by force %d are played, want %d", got, 2*plays)
	}
}

func TestAnotherRemediatorDoesNotChangeWhatHappensWithoutOne(t *testing.T) {
	r := row{logs, oneDisk, burst}
	kept := keep(t, t.TempDir(), played(r, true, 1), played(r, false, 1))
	changed := now
	changed.with = "another"
	if len(kept.counts(r, true, changed)) != 0 || len(kept.counts(r, false, changed)) != 1 {
		t.Error("the wrong ones count")
	}
}

// A program that is killed while it writes leaves half a line.
func TestAPlayThatWasCutShortIsNotThere(t *testing.T) {
	dir, r := t.TempDir(), row{logs, oneDisk, burst}
	keep(t, dir, played(r, true, 1))
	path := filepath.Join(dir, "plays.jsonl")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, whole[:len(whole)/2]...), 0o644); err != nil {
		t.Fatal(err)
	}
	kept := keep(t, dir, played(r, true, 2))
	if got := kept.counts(r, true, now); len(got) != 2 {
		t.Errorf("%d count, want 2", len(got))
	}
	if err := os.WriteFile(path, append(whole[:len(whole)/2], append([]byte("\n"), whole...)...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openResults(dir); err == nil {
		t.Error("a damaged line in the middle goes unnoticed")
	}
}

func TestWhatTakesPartDecidesWhatCounts(t *testing.T) {
	root := t.TempDir()
	exporter, remediator := filepath.Join(root, "headroom-exporter"), filepath.Join(root, "headroom-remediator")
	write := func(name, data string) inputs {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		i, err := readInputs(root, exporter, remediator)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	was := write("headroom-exporter", "1")
	for name, changes := range map[string]struct{ with, without bool }{
		"headroom-remediator":                  {true, false},
		"deploy/policy.yaml":                   {true, false},
		"headroom-exporter":                    {true, true},
		"rules/headroom.yaml":                  {true, true},
		"deploy/alertmanager/alertmanager.yml": {true, true},
		"README.md":                            {false, false},
	} {
		is := write(name, "2")
		if (is.with != was.with) != changes.with || (is.without != was.without) != changes.without {
			t.Errorf("%s: with %v, without %v", name, is.with != was.with, is.without != was.without)
		}
		was = is
	}
}

func TestATableSaysHowManyPlaysAreOfWhatWasBefore(t *testing.T) {
	r := row{logs, oneDisk, burst}
	older, other := played(r, true, 1), played(r, true, 2)
	older.Took, older.Revision, older.Pressure = "what was before", "before", true
	other.Parameters = "what it was before"
	kept := keep(t, t.TempDir(), older, other, played(r, true, 3), played(r, false, 1))
	got := newTable([]row{r}, kept, shipped{}, now)
	if got.older != 1 || got.missing != 2*plays-3 {
		t.Errorf("%d plays are older and %d missing, want 1 and %d", got.older, got.missing, 2*plays-3)
	}
	if !slices.Contains(got.revisions, "before") || !strings.HasPrefix(got.lines[0][6], "after") {
		t.Errorf("the older play, which is the worst, is not shown: %s, by %s", got.lines[0], got.revisions)
	}
	var text strings.Builder
	got.write(&text)
	if want := "\nOf an older exporter, remediator, rule or configuration: 1 of 6 plays.\n"; !strings.Contains(text.String(), want) {
		t.Errorf("%q is not in\n%s", want, text.String())
	}
}
