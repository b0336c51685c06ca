package remedy

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

func init() {
	// Vacuums ROOT and hangs at STEP.
	scripts["vacuum-and-hang"] = func(args []string) error {
		var st unix.Stat_t
		if err := unix.Stat(args[0], &st); err != nil {
			return err
		}
		n := Node{Proc: "/proc", JournalRoots: args[:1], JournalSocket: args[0] + ".socket"}
		r := JournalVacuum{&journalSettings{Rotate: true}}
		plan, err := r.Plan(context.Background(), n, Need{headroom.NodeFSAvailable, idOf(&st).disk, all})
		if err != nil {
			return err
		}
		_, err = r.Apply(context.Background(), n, plan, Run{
			Missing: func(context.Context) (int64, error) { return all, nil },
			Removed: func(Item, headroom.Amount) {},
			Step:    hangAt(args[1]),
		})
		return err
	}
}

func TestVacuumingThatIsKilledAtAStepGoesOnTheNextTime(t *testing.T) {
	for _, step := range (JournalVacuum{}).Steps() {
		t.Run(step, func(t *testing.T) {
			j := beingWritten(t)
			writer := start(t, "journald", j.path(liveJournal))
			a := launch(t, "vacuum-and-hang", j.root, step)
			a.killAt("hanging")
			if left := j.left(); !left["system.journal"] || len(left) > 2 {
				t.Fatalf("left are %v", left)
			}
			plan := j.plan(vacuum(t, 0), j.bytes(all))
			j.apply(vacuum(t, 0), plan)
			if left := j.left(); !left["system.journal"] || len(left) != 1 {
				t.Errorf("left are %v in the end", left)
			}
			writer.act() // journald lives
		})
	}
}
