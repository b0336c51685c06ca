package remedy

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

func TestJournalPlan(t *testing.T) {
	for sentence, tc := range map[string]struct {
		keep quantity
		need func(journals) Need
		want []string
	}{
		"the oldest go first, of all logs, and of those set aside": {
			need: func(j journals) Need { return j.bytes(all) },
			want: []string{archive(1), archiveFrom("user-1000", 2), asideAt(3), archive(4), archive(5)},
		},
		"no more than needed": {
			need: func(j journals) Need { return j.bytes(24<<10 + 1) },
			want: []string{archive(1), archiveFrom("user-1000", 2), asideAt(3)},
		},
		"exactly enough is enough": {
			need: func(j journals) Need { return j.bytes(24 << 10) },
			want: []string{archive(1), archiveFrom("user-1000", 2)},
		},
		"an inode is an inode, whatever its size": {
			need: func(j journals) Need { return j.inodes(2) },
			want: []string{archive(1), archiveFrom("user-1000", 2)},
		},
		"what is to be kept is the least that is kept": {
			keep: 20<<10 + 1, // the newest have 20 KiB
			need: func(j journals) Need { return j.bytes(all) },
			want: []string{archive(1), archiveFrom("user-1000", 2)},
		},
		"and not more than is needed for it": {
			keep: 12 << 10,
			need: func(j journals) Need { return j.bytes(all) },
			want: []string{archive(1), archiveFrom("user-1000", 2), asideAt(3), archive(4)},
		},
		"all are kept where there is less": {
			keep: 1 << 30,
			need: func(j journals) Need { return j.bytes(all) },
		},
		"what is not missing is not planned": {
			need: func(j journals) Need { return j.bytes(0) },
		},
		"memory is not in the journal": {
			need: func(j journals) Need { return Need{headroom.MemoryAvailable, j.disk(), all} },
		},
		"another disk is not helped": {
			need: func(j journals) Need { return Need{headroom.NodeFSAvailable, node.Disk{Major: 999}, all} },
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			j := newJournals(t)
			j.archive(archive(5), 12)
			j.archive(archive(4), 8)
			j.write(asideAt(3), 4) // damaged, down to the header
			j.archive(archiveFrom("user-1000", 2), 8)
			j.archive(archive(1), 16)
			j.file(liveJournal, "online", 512)
			before := j.manifest()
			plan := j.plan(vacuum(t, tc.keep), tc.need(j))
			var want []string
			for _, name := range tc.want {
				want = append(want, "remove "+name)
			}
			if diff := cmp.Diff(want, j.effects(plan)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, j.manifest()); diff != "" {
				t.Errorf("the plan changed something: %s", diff)
			}
			if again := j.plan(vacuum(t, tc.keep), tc.need(j)); again.Hash() != plan.Hash() {
				t.Error("the same tree makes another plan")
			}
		})
	}
}

func TestTheNewestArchiveStaysUnlessItIsSaidThatItNeedNot(t *testing.T) {
	j := newJournals(t)
	j.archive(archive(1), 4)
	j.archive(archive(2), 20<<10)
	if diff := cmp.Diff([]string{"remove " + archive(1)}, j.effects(j.plan(JournalVacuum{}, j.bytes(all)))); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoArchiveOfTheJournalIsLeftAlone(t *testing.T) {
	for sentence, tc := range map[string]struct {
		arrange func(journals) string
		note    string
	}{
		"the file that is written": {
			func(j journals) string { return j.file(liveJournal, "online", 8) }, "",
		},
		"a user's that is written": {
			func(j journals) string { return j.file(machineID+"/user-1000.journal", "archived", 8) }, "",
		},
		"an archive that journald has not finished": {
			func(j journals) string { return j.file(archive(1), "online", 8) }, isOnline,
		},
		"an archive by its name only": {
			func(j journals) string { return j.write(archive(1), 8) }, notJournal,
		},
		"a name that is nearly right": {
			func(j journals) string { return j.archive(strings.Replace(archive(1), "@5", "@X", 1), 8) }, notJournal,
		},
		"a stranger's log": {
			func(j journals) string { return j.archive(archiveFrom("remote-db1", 1), 8) }, notJournal,
		},
		"a folder that is no machine's": {
			func(j journals) string { return j.archive("remote"+strings.TrimPrefix(archive(1), machineID), 8) },
			"not the name of a machine's journal folder",
		},
		"a file beside the folders": {
			func(j journals) string { return j.archive(strings.TrimPrefix(archive(1), machineID+"/"), 8) },
			"not the name of a machine's journal folder",
		},
		"one that a process writes": {
			func(j journals) string {
				path := j.archive(archive(1), 8)
				start(j.t, "append", path)
				return path
			}, isWritten,
		},
		"one with a second link": {
			func(j journals) string {
				path := j.archive(archive(1), 8)
				if err := os.Link(path, j.root+".precious"); err != nil {
					j.t.Fatal(err)
				}
				return path
			}, "hard links",
		},
		"one behind a symbolic link": {
			func(j journals) string {
				path := j.archive("elsewhere/x", 8)
				j.symlink(path, archive(1))
				return path
			}, isLink,
		},
		"one in a folder behind a symbolic link": {
			func(j journals) string {
				path := j.archive("elsewhere"+strings.TrimPrefix(archive(1), machineID), 8)
				j.symlink(j.path("elsewhere"), strings.Repeat("a", 32))
				return path
			}, isLink,
		},
		"one on another mount": {
			func(j journals) string {
				path := j.archive(archive(1), 8)
				mount(j.t, j.path(machineID), j.path(machineID), "", unix.MS_BIND, "")
				return path
			}, isMount,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			j := newJournals(t)
			path := tc.arrange(j)
			plan := j.plan(vacuum(t, 0), j.bytes(all))
			if len(plan.Items) > 0 {
				t.Errorf("plans %q", j.effects(plan))
			}
			if tc.note != "" {
				noted(t, plan.Notes, tc.note)
			} else if len(plan.Notes) > 0 {
				t.Errorf("notes are %q", plan.Notes)
			}
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestArchivesThatAReaderHoldsGoLastAndThatIsSaid(t *testing.T) {
	j := newJournals(t)
	start(t, "hold", j.archive(archive(1), 8))
	start(t, "map", j.archive(archive(2), 8))
	j.archive(archive(3), 8)
	plan := j.plan(vacuum(t, 0), j.bytes(all))
	if diff := cmp.Diff([]string{"remove " + archive(3), "remove " + archive(1), "remove " + archive(2)}, j.effects(plan)); diff != "" {
		t.Error(diff)
	}
	noted(t, plan.Notes, "2 of the archives are held open", "returns when")
	if one := j.plan(vacuum(t, 0), j.bytes(8<<10)); len(one.Items) != 1 || len(one.Notes) > 0 {
		t.Errorf("plans %q, notes %q", j.effects(one), one.Notes)
	}
	if removed, notes := j.apply(vacuum(t, 0), plan); removed != (headroom.Amount{Bytes: 24 << 10, Inodes: 3}) || len(notes) > 0 {
		t.Errorf("removed %+v, notes %q", removed, notes)
	}
}

func TestVacuumingRemovesWhatWasPlanned(t *testing.T) {
	j := newJournals(t)
	for hour := range 5 {
		j.archive(archive(hour), 8)
	}
	j.file(liveJournal, "online", 8)
	plan := j.plan(vacuum(t, 8<<10), j.bytes(all))
	removed, notes := j.apply(vacuum(t, 8<<10), plan)
	if want := (headroom.Amount{Bytes: 32 << 10, Inodes: 4}); removed != want || len(notes) > 0 {
		t.Errorf("removed %+v, notes %q", removed, notes)
	}
	if left := j.left(); len(left) != 2 || !left["system.journal"] {
		t.Errorf("left are %v", left)
	}
	if again, notes := j.apply(vacuum(t, 8<<10), plan); again != (headroom.Amount{}) || len(notes) > 0 {
		t.Errorf("applied again it removed %+v, notes %q", again, notes)
	}
}

func TestVacuumingStopsWhenEnoughIsFree(t *testing.T) {
	j := newJournals(t)
	for hour := range 5 {
		j.archive(archive(hour), 8)
	}
	plan := j.plan(vacuum(t, 0), j.bytes(all))
	removed := 0
	_, err := JournalVacuum{}.Apply(t.Context(), j.node, plan, Run{
		Missing: func(context.Context) (int64, error) { return int64(2-removed) * 8 << 10, nil },
		Removed: func(Item, headroom.Amount) { removed++ },
	})
	if err != nil || removed != 2 {
		t.Errorf("removed %d: %v", removed, err)
	}
}

func TestVacuumingStopsWhenThereAreInodesEnough(t *testing.T) {
	j := newJournals(t)
	for hour := range 4 {
		j.archive(archive(hour), 8)
	}
	plan := j.plan(vacuum(t, 0), j.inodes(all))
	if len(plan.Items) != 4 {
		t.Fatalf("plans %q", j.effects(plan))
	}
	plan.need.Amount = 2
	removed, notes := j.apply(vacuum(t, 0), plan)
	if left := j.left(); removed.Inodes != 2 || len(left) != 2 {
		t.Errorf("removed %+v, left are %v; %q", removed, left, notes)
	}
}

func TestVacuumingStopsWhenTheNodeCannotBeRead(t *testing.T) {
	j := newJournals(t)
	j.archive(archive(1), 8)
	broken := errors.New("broken")
	_, err := JournalVacuum{}.Apply(t.Context(), j.node, j.plan(vacuum(t, 0), j.bytes(all)), Run{
		Missing: func(context.Context) (int64, error) { return 0, broken },
		Removed: func(Item, headroom.Amount) { t.Error("removed") },
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestAnArchiveIsLookedAtAgainBeforehand(t *testing.T) {
	for sentence, tc := range map[string]struct {
		change func(journals, string) error
		note   string
	}{
		"another file has its name": {func(j journals, path string) error {
			if err := os.Rename(path, path+".old"); err != nil {
				return err
			}
			j.archive(archive(1), 8)
			return nil
		}, hasChanged},
		"it has a second link":        {func(j journals, path string) error { return os.Link(path, path+".2") }, hasChanged},
		"somebody writes it":          {func(j journals, path string) error { start(j.t, "append", path); return nil }, isWritten},
		"journald writes it again":    {func(j journals, _ string) error { j.file(archive(1), "online", 0); return nil }, isOnline},
		"it is no journal any more":   {func(_ journals, path string) error { return overwrite(path, 0, "precious") }, notJournal},
		"its folder is another's now": {func(j journals, _ string) error { return swapped(j.path(machineID)) }, hasChanged},
		"it is gone":                  {func(_ journals, path string) error { return os.Remove(path) }, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			j := newJournals(t)
			path := j.archive(archive(1), 8)
			plan := j.plan(vacuum(t, 0), j.bytes(all))
			if err := tc.change(j, path); err != nil {
				t.Fatal(err)
			}
			before := j.manifest()
			removed, notes := j.apply(vacuum(t, 0), plan)
			if removed != (headroom.Amount{}) {
				t.Errorf("removed %+v", removed)
			}
			if diff := cmp.Diff(before, j.manifest()); diff != "" {
				t.Error(diff)
			}
			if tc.note != "" {
				noted(t, notes, tc.note)
			} else if len(notes) > 0 {
				t.Errorf("notes are %q", notes)
			}
		})
	}
}

// overwrite writes text into a file, in place.
func overwrite(path string, at int64, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte(text), at)
	return err
}

// swapped puts a link to it in a folder's place.
func swapped(path string) error {
	if err := os.Rename(path, path+".real"); err != nil {
		return err
	}
	return os.Symlink(path+".real", path)
}

func TestJournalRootsThatAreNotThere(t *testing.T) {
	j := newJournals(t)
	need := j.bytes(all)
	for _, roots := range [][]string{nil, {j.path("absent")}} {
		plan, err := JournalVacuum{}.Plan(t.Context(), Node{Proc: "/proc", JournalRoots: roots}, need)
		if err != nil || len(plan.Items) > 0 {
			t.Errorf("%q: plans %+v: %v", roots, plan.Items, err)
		}
		noted(t, plan.Notes, "--path.journal")
	}
	j.symlink(j.root, "link")
	for _, roots := range [][]string{{"journal"}, {j.path("link")}} {
		if _, err := (JournalVacuum{}).Plan(t.Context(), Node{Proc: "/proc", JournalRoots: roots}, need); err == nil {
			t.Errorf("%q: no error", roots)
		}
	}
}

func TestTheJournalOfAReadOnlyTreeIsPlannedAndNotTouched(t *testing.T) {
	j := newJournals(t)
	j.archive(archive(1), 8)
	mount(t, j.root, j.root, "", unix.MS_BIND, "")
	if err := unix.Mount("", j.root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	before := j.manifest()
	if plan := j.plan(vacuum(t, 0), j.bytes(all)); len(plan.Items) != 1 {
		t.Errorf("plans %q", j.effects(plan))
	}
	if diff := cmp.Diff(before, j.manifest()); diff != "" {
		t.Error(diff)
	}
}
