package remedy

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

func TestPlanningOnAReadOnlyTreeChangesNothing(t *testing.T) {
	l, path := live(t)
	start(t, "append", path)
	l.write(web+monday, 4)
	l.write(web+wednesday, 4)
	mount(t, l.root, l.root, "", unix.MS_BIND, "")
	if err := unix.Mount("", l.root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	before := l.manifest()
	plan := l.plan(LogReclaim{}, l.bytes(all))
	if diff := cmp.Diff([]string{"remove " + web + monday, "truncate " + web + "0.log"}, l.effects(plan)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, l.manifest()); diff != "" {
		t.Error(diff)
	}
}

func TestAFullDiskCanBeFreed(t *testing.T) {
	for sentence, tc := range map[string]struct {
		size string
		need func(logs) Need
		fill func(l logs) error
	}{
		"no byte is left": {"size=4m", func(l logs) Need { return l.bytes(all) }, func(l logs) error {
			return os.WriteFile(l.path("filler"), make([]byte, 8<<20), 0o600)
		}},
		"no inode is left": {"size=4m,nr_inodes=64", func(l logs) Need { return l.inodes(all) }, func(l logs) error {
			for i := range 100 {
				if err := os.WriteFile(l.path(fmt.Sprint("filler", i)), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLogs(t)
			mount(t, "tmpfs", l.root, "tmpfs", 0, tc.size)
			l.write(web+monday, 64)
			l.write(web+wednesday, 64)
			path := l.write(web+"0.log", 2048)
			start(t, "append", path)
			if err := tc.fill(l); err == nil {
				t.Fatal("the disk is not full")
			}
			var before, after unix.Statfs_t
			if err := unix.Statfs(l.root, &before); err != nil {
				t.Fatal(err)
			}
			removed, _ := l.apply(LogReclaim{}, l.plan(LogReclaim{}, tc.need(l)), nil)
			if err := unix.Statfs(l.root, &after); err != nil {
				t.Fatal(err)
			}
			observed := headroom.Amount{
				Bytes:  int64(after.Bavail-before.Bavail) * after.Bsize,
				Inodes: int64(after.Ffree - before.Ffree),
			}
			if removed != observed || removed.Inodes != 1 {
				t.Errorf("removed %+v, but the disk has %+v more", removed, observed)
			}
		})
	}
}

func TestKilledHalfWayItFinishesTheNextTime(t *testing.T) {
	l := newLogs(t)
	for i := range 50 {
		l.write(fmt.Sprintf("%s0.log.20261123-%06d", web, i), 4)
	}
	keep := []string{web + "0.log", web + "0.log.20261123-000049", web + "audit.log", "shop_web-0_6f1f2d3c-0000-4000-8000-000000000002/web/" + monday}
	for _, name := range keep {
		l.write(name, 4)
	}
	a := launch(t, "apply-and-hang", l.root, "10")
	a.killAt("hanging")
	if n := len(l.names()); n != 50+len(keep)-1-10 {
		t.Fatalf("%d files after the kill", n)
	}
	l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.inodes(all)), nil)
	if diff := cmp.Diff(keep, l.names()); diff != "" {
		t.Error(diff)
	}
}

func TestTheSamePlanTwiceIsDoneOnce(t *testing.T) {
	l := hazard(t)
	l.write(web+tuesday, 4)
	plan := l.plan(LogReclaim{}, l.bytes(all))
	first, _ := l.apply(LogReclaim{}, plan, nil)
	l.write(web+monday, 4) // a new file by an old name
	second, notes := l.apply(LogReclaim{}, plan, nil)
	if first.Inodes != 2 || second.Inodes != 0 {
		t.Errorf("removed %d and then %d", first.Inodes, second.Inodes)
	}
	noted(t, notes, hasChanged, monday)
}

func TestALogThatDisappearsHalfWayCountsAsDone(t *testing.T) {
	l := hazard(t)
	l.write(web+tuesday, 4)
	removed, notes := l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.bytes(all)), func(Item) {
		for _, name := range []string{monday, tuesday} {
			if err := os.Remove(l.path(web + name)); err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
		}
	})
	if removed.Inodes != 1 || len(notes) > 0 {
		t.Errorf("removed %+v, %q", removed, notes)
	}
}
