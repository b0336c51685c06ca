package remedy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	headroom "github.com/nodeheadroom/headroom"
)

const (
	machineID   = "f4452b0e845a4afc881a3582cf2951f4"
	liveJournal = machineID + "/system.journal"
)

// archive is the name of an archive whose first entry was written at that hour.
func archive(hour int) string { return archiveFrom("system", hour) }

func archiveFrom(log string, hour int) string {
	return fmt.Sprintf("%s/%s@5984d3e6e39d437fa05943f534baa772-%016x-%016x.journal", machineID, log, hour, hour*3600e6)
}

// asideAt is the name of a file that was set aside as damaged.
func asideAt(hour int) string {
	return fmt.Sprintf("%s/system@%016x-0ffc625695a8ad50.journal~", machineID, hour*3600*1_000_000)
}

// journals is a journal root of a test.
type journals struct{ logs }

func newJournals(t *testing.T) journals { return journalsIn(t, t.TempDir()) }

func journalsIn(t *testing.T, root string) journals {
	return journals{logs{t, root, Node{Name: "n1", Proc: "/proc", JournalRoots: []string{root}, JournalSocket: root + ".socket"}}}
}

// file makes a file with a header that journald has written, archived or online.
func (j journals) file(name, header string, kib int) string {
	j.t.Helper()
	path := j.write(name, kib)
	data, err := os.ReadFile("testdata/journal/" + header)
	if err != nil {
		j.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		j.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(data, 0); err != nil {
		j.t.Fatal(err)
	}
	return path
}

func (j journals) archive(name string, kib int) string { return j.file(name, "archived", kib) }

// vacuum configures a JournalVacuum.
func vacuum(t *testing.T, keep quantity) JournalVacuum {
	t.Helper()
	r, err := JournalVacuum{}.Configure(func(into any) error {
		into.(*journalSettings).Keep = keep
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.(JournalVacuum)
}

func (j journals) plan(r JournalVacuum, need Need) Plan {
	j.t.Helper()
	plan, err := r.Plan(context.Background(), j.node, need)
	if err != nil {
		j.t.Fatal(err)
	}
	return plan
}

// apply applies a plan until it has removed as much as was needed.
func (j journals) apply(r JournalVacuum, plan Plan) (headroom.Amount, []string) {
	j.t.Helper()
	var removed headroom.Amount
	notes, err := r.Apply(context.Background(), j.node, plan, Run{
		Missing: func(context.Context) (int64, error) {
			return plan.need.Amount - removed.In(plan.need.Signal.Unit()), nil
		},
		Removed: func(_ Item, a headroom.Amount) { removed = removed.Add(a) },
	})
	if err != nil {
		j.t.Fatal(err)
	}
	return removed, notes
}

// left are the base names of the files that are left.
func (j journals) left() map[string]bool {
	j.t.Helper()
	left := make(map[string]bool)
	for _, name := range j.names() {
		left[filepath.Base(name)] = true
	}
	return left
}
