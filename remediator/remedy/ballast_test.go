package remedy

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// ballast is a small disk of a test with a Ballast of 16 pieces of 64 KiB and 20
// inodes on it.
type ballast struct {
	logs
	Ballast
}

func newBallast(t *testing.T) ballast {
	t.Helper()
	l := newLogs(t)
	mount(t, "tmpfs", l.root, "tmpfs", 0, "size=8m,nr_inodes=200,mode=0755")
	for d := l.root; d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return ballast{l, configuredBallast(t, fmt.Sprintf("{path: %s/ballast, size: 1Mi, inodes: 20}", l.root))}
}

func configuredBallast(t *testing.T, keys string) Ballast {
	t.Helper()
	r, err := Ballast{}.Configure(fromYAML(keys))
	if err != nil {
		t.Fatal(err)
	}
	return r.(Ballast)
}

// keep calls Keep until it makes nothing more, and returns how often it made
// something.
func (b ballast) keep(spare Need) int {
	b.t.Helper()
	for n := range 100 {
		note, err := b.Keep(b.t.Context(), b.node, spare)
		if err != nil {
			b.t.Fatal(err)
		}
		if note == "" {
			return n
		}
		if !strings.Contains(note, "set aside") {
			b.t.Fatal(note)
		}
	}
	b.t.Fatal("it never ends")
	return 0
}

func (b ballast) laden() ballast {
	b.t.Helper()
	if pieces, inodes := b.keep(b.bytes(all)), b.keep(b.inodes(all)); pieces != ballastPieces || inodes != 1 {
		b.t.Fatalf("made %d pieces, and inodes in %d calls", pieces, inodes)
	}
	return b
}

func (b ballast) plan(need Need) Plan {
	b.t.Helper()
	plan, err := b.Plan(context.Background(), b.node, need)
	if err != nil {
		b.t.Fatal(err)
	}
	return plan
}

func (b ballast) apply(plan Plan) (removed headroom.Amount, notes []string) {
	b.t.Helper()
	notes, err := b.Apply(context.Background(), b.node, plan, Run{
		Missing: func(context.Context) (int64, error) {
			return plan.need.Amount - removed.In(plan.need.Signal.Unit()), nil
		},
		Removed: func(_ Item, a headroom.Amount) { removed = removed.Add(a) },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return removed, notes
}

func (b ballast) statfs() (st unix.Statfs_t) {
	b.t.Helper()
	if err := unix.Statfs(b.root, &st); err != nil {
		b.t.Fatal(err)
	}
	return st
}

func TestBallastOwnsItsBlocksOnAnyFilesystem(t *testing.T) {
	b := newBallast(t)
	before := b.statfs()
	b.laden()
	after := b.statfs()
	if took := int64(before.Bavail-after.Bavail) * after.Bsize; took < 1<<20 {
		t.Errorf("it owns %d bytes", took)
	}
	if took := before.Ffree - after.Ffree; took != 16+20+2 {
		t.Errorf("it owns %d inodes", took)
	}
	var all bytes.Buffer
	for i := range ballastPieces {
		data, err := os.ReadFile(b.path(fmt.Sprintf("ballast/piece-%02d", i)))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	var compressed bytes.Buffer
	w, _ := flate.NewWriter(&compressed, flate.BestCompression)
	w.Write(all.Bytes())
	w.Close()
	if compressed.Len() < all.Len() {
		t.Errorf("%d bytes are compressed into %d", all.Len(), compressed.Len())
	}
}

func TestBallastTakesNoMoreThanThereIsToSpare(t *testing.T) {
	b := newBallast(t)
	for _, spare := range []Need{
		b.bytes(0), b.bytes(-1), b.bytes(64<<10 + ballastSlack - 1), b.inodes(0), b.inodes(-5), b.inodes(2),
		{headroom.MemoryAvailable, b.disk(), all},
	} {
		if note, err := b.Keep(t.Context(), b.node, spare); note != "" || err != nil {
			t.Errorf("%+v: %q, %v", spare, note, err)
		}
	}
	if files := b.names(); len(files) > 0 {
		t.Errorf("it has made %q", files)
	}
	if _, err := b.Keep(t.Context(), b.node, b.inodes(7)); err != nil || len(b.names()) != 5 {
		t.Errorf("of 7 inodes it has taken %q, and two folders: %v", b.names(), err)
	}
}

func TestNoMoreBallastGoesThanIsNeeded(t *testing.T) {
	for sentence, tc := range map[string]struct {
		need func(ballast) Need
		want headroom.Amount
	}{
		"a byte is a piece":               {func(b ballast) Need { return b.bytes(1) }, headroom.Amount{Bytes: 64 << 10, Inodes: 1}},
		"a piece and a byte are two":      {func(b ballast) Need { return b.bytes(64<<10 + 1) }, headroom.Amount{Bytes: 128 << 10, Inodes: 2}},
		"for bytes only pieces go":        {func(b ballast) Need { return b.bytes(all) }, headroom.Amount{Bytes: 1 << 20, Inodes: 16}},
		"for inodes only empty files go":  {func(b ballast) Need { return b.inodes(all) }, headroom.Amount{Inodes: 20}},
		"an inode is one":                 {func(b ballast) Need { return b.inodes(1) }, headroom.Amount{Inodes: 1}},
		"nothing for what is not missing": {func(b ballast) Need { return b.bytes(0) }, headroom.Amount{}},
		"nothing for memory":              {func(b ballast) Need { return Need{headroom.MemoryAvailable, b.disk(), 1} }, headroom.Amount{}},
	} {
		t.Run(sentence, func(t *testing.T) {
			b := newBallast(t).laden()
			before := b.manifest()
			plan := b.plan(tc.need(b))
			if diff := cmp.Diff(before, b.manifest()); diff != "" || plan.Frees != tc.want {
				t.Errorf("plans %+v, want %+v; %s", plan.Frees, tc.want, diff)
			}
			if again := b.plan(tc.need(b)); again.Hash() != plan.Hash() {
				t.Error("the same folder makes another plan")
			}
			if removed, notes := b.apply(plan); removed != tc.want || len(notes) > 0 {
				t.Errorf("removed %+v, want %+v; notes %q", removed, tc.want, notes)
			}
			if again, notes := b.apply(plan); again != (headroom.Amount{}) && tc.want != (headroom.Amount{}) || len(notes) > 0 {
				t.Errorf("applied again it removed %+v, notes %q", again, notes)
			}
		})
	}
}

func TestBallastIsRoomOnADiskThatIsFull(t *testing.T) {
	for sentence, tc := range map[string]struct {
		need func(ballast) Need
		fill func(b ballast) error
	}{
		"no byte is left": {func(b ballast) Need { return b.bytes(300 << 10) }, func(b ballast) error {
			return os.WriteFile(b.path("filler"), make([]byte, 9<<20), 0o600)
		}},
		"no inode is left": {func(b ballast) Need { return b.inodes(7) }, func(b ballast) (err error) {
			for i := 0; err == nil; i++ {
				err = os.WriteFile(b.path(fmt.Sprint("filler", i)), nil, 0o600)
			}
			return err
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			b := newBallast(t).laden()
			if err := tc.fill(b); err == nil {
				t.Fatal("the disk is not full")
			}
			before := b.statfs()
			removed, _ := b.apply(b.plan(tc.need(b)))
			after := b.statfs()
			observed := headroom.Amount{Bytes: int64(after.Bavail-before.Bavail) * after.Bsize, Inodes: int64(after.Ffree - before.Ffree)}
			if removed != observed || removed == (headroom.Amount{}) {
				t.Errorf("removed %+v, but the disk has %+v more", removed, observed)
			}
		})
	}
}

func TestBallastThatDoesNotFitIsGivenBack(t *testing.T) {
	b := newBallast(t)
	b.Ballast = configuredBallast(t, fmt.Sprintf("{path: %s/ballast, size: 256Mi}", b.root))
	if note, err := b.Keep(t.Context(), b.node, b.bytes(all)); err == nil {
		t.Error(note)
	}
	if files := b.names(); len(files) > 0 {
		t.Errorf("left are %q", files)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	b.Ballast = configuredBallast(t, fmt.Sprintf("{path: %s/ballast, size: 64Mi}", b.root))
	if note, err := b.Keep(ctx, b.node, b.bytes(all)); err == nil {
		t.Error(note)
	}
	if files := b.names(); len(files) > 0 {
		t.Errorf("left are %q", files)
	}
}

func TestAPieceThatWasCutShortIsUsedOrMadeAnew(t *testing.T) {
	b := newBallast(t)
	keys := fmt.Sprintf("{path: %s/ballast, size: 64Mi}", b.root)
	b.Ballast = configuredBallast(t, keys)
	a := launch(t, "keep", b.root, keys)
	a.killAt("half")
	if diff := cmp.Diff([]string{"ballast/piece-00.unfinished"}, b.names()); diff != "" {
		t.Fatal(diff)
	}
	plan := b.plan(b.bytes(1))
	if diff := cmp.Diff([]string{"remove ballast/piece-00.unfinished"}, b.effects(plan)); diff != "" || plan.Frees.Bytes == 0 {
		t.Error(diff, plan.Frees)
	}
	if note, err := b.Keep(t.Context(), b.node, b.bytes(all)); err != nil || !strings.Contains(note, "1 of 16") {
		t.Error(note, err)
	}
	if diff := cmp.Diff([]string{"ballast/piece-00"}, b.names()); diff != "" {
		t.Error(diff)
	}
}

func init() {
	// Keeps, and hangs once a piece is half written.
	scripts["keep"] = func(args []string) error {
		r, err := Ballast{}.Configure(fromYAML(args[1]))
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Stat(args[0], &st); err != nil {
			return err
		}
		go func() {
			for {
				if s, err := os.Stat(args[0] + "/ballast/piece-00" + unfinishedPiece); err == nil && s.Size() > 0 {
					fmt.Println("half")
					return
				}
			}
		}()
		_, err = r.(Ballast).Keep(context.Background(), Node{}, Need{headroom.NodeFSAvailable, idOf(&st).disk, all})
		return err
	}
}

func TestPiecesOfAnotherSizeAreMadeAnew(t *testing.T) {
	b := newBallast(t).laden()
	b.Ballast = configuredBallast(t, fmt.Sprintf("{path: %s/ballast, size: 2Mi, inodes: 20}", b.root))
	if n := b.keep(b.bytes(all)); n != ballastPieces {
		t.Errorf("%d pieces were made", n)
	}
	if plan := b.plan(b.bytes(all)); plan.Frees.Bytes != 2<<20 {
		t.Errorf("frees %+v", plan.Frees)
	}
}

func TestForeignFilesBesideBallastAreNotTouched(t *testing.T) {
	b := newBallast(t)
	if err := os.MkdirAll(b.path("ballast/inodes"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write("precious", 4)
	b.write("ballast/readme", 4)
	b.write("ballast/piece-1", 4)
	b.write("ballast/piece-001", 4)
	b.write("ballast/piece-00.old", 4)
	b.write("ballast/inodes/spare-00001", 4) // is somebody's: it is not empty
	b.symlink(b.path("precious"), "ballast/piece-00")
	if err := os.Link(b.path("precious"), b.path("ballast/piece-01")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(b.path("ballast/piece-02"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(b.path("ballast/inodes/spare-00000"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := b.manifest()
	for _, need := range []Need{b.bytes(all), b.inodes(all)} {
		plan := b.plan(need)
		if len(plan.Items) > 0 {
			t.Errorf("plans %q", b.effects(plan))
		}
		if len(plan.Notes) < 2 {
			t.Errorf("notes are %q", plan.Notes)
		}
	}
	// A name that is taken by somebody else is an error, and stays his.
	if _, err := b.Keep(t.Context(), b.node, b.bytes(all)); err == nil {
		t.Error("a foreign name was taken")
	}
	if _, err := b.Keep(t.Context(), b.node, b.inodes(all)); err != nil {
		t.Error(err)
	}
	after := b.manifest()
	for name, was := range before {
		if is := after[name]; !strings.HasPrefix(name, "/ballast/inodes") && name != "/ballast" && is != was {
			t.Errorf("%s was %s, is %s", name, was, is)
		}
	}
}

func TestBallastInAFolderThatOthersCanChangeIsRefused(t *testing.T) {
	for sentence, tc := range map[string]struct {
		arrange func(b ballast) error
		want    string
	}{
		"others may write there": {func(b ballast) error { return os.Chmod(b.path("ballast"), 0o777) }, "written by others"},
		"or above it":            {func(b ballast) error { return os.Chmod(b.root, 0o1777) }, "written by others"},
		"it is a link":           {func(b ballast) error { return swapped(b.path("ballast")) }, "symbolic link"},
		"it is a file": {func(b ballast) error {
			if err := os.Rename(b.path("ballast"), b.path("other")); err != nil {
				return err
			}
			return os.WriteFile(b.path("ballast"), nil, 0o600)
		}, "not a folder"},
	} {
		t.Run(sentence, func(t *testing.T) {
			b := newBallast(t).laden()
			plan := b.plan(b.bytes(all))
			if err := tc.arrange(b); err != nil {
				t.Fatal(err)
			}
			before := b.manifest()
			_, planned := b.Plan(t.Context(), b.node, b.bytes(all))
			_, applied := b.Apply(t.Context(), b.node, plan, Run{
				Missing: func(context.Context) (int64, error) { return all, nil },
				Removed: func(Item, headroom.Amount) { t.Error("removed") },
			})
			_, kept := b.Keep(t.Context(), b.node, b.bytes(all))
			for _, err := range []error{planned, applied, kept} {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error is %v, want %q", err, tc.want)
				}
			}
			if diff := cmp.Diff(before, b.manifest()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBallastIsForItsOwnDisk(t *testing.T) {
	b := newBallast(t)
	other := newBallast(t)
	need := Need{headroom.NodeFSAvailable, other.disk(), all}
	keepsNothing := func() {
		t.Helper()
		before := b.names()
		if note, err := b.Keep(t.Context(), b.node, need); err != nil || note != "" || !slices.Equal(b.names(), before) {
			t.Errorf("%q, %v: %q", note, err, b.names())
		}
	}
	keepsNothing()
	if _, err := os.Stat(b.path("ballast")); err == nil {
		t.Error("the folder was made")
	}
	if plan := b.plan(b.bytes(all)); len(plan.Items) > 0 || len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0], "nothing has been set aside yet") {
		t.Errorf("plans %+v", plan)
	}
	b.laden()
	keepsNothing()
	plan := b.plan(need)
	noted(t, plan.Notes, "lies on disk")
	if len(plan.Items) > 0 {
		t.Errorf("plans %q", b.effects(plan))
	}
}

func TestAPieceIsLookedAtAgainBeforehand(t *testing.T) {
	b := newBallast(t).laden()
	plan := b.plan(b.bytes(1))
	path := b.path("ballast/piece-15")
	if err := os.Rename(path, b.path("ballast/x")); err != nil {
		t.Fatal(err)
	}
	b.write("ballast/piece-15", 64)
	removed, notes := b.apply(plan)
	if removed != (headroom.Amount{}) {
		t.Errorf("removed %+v", removed)
	}
	noted(t, notes, hasChanged)
}

func TestAFolderOfBallastThatIsGoneCountsAsDone(t *testing.T) {
	b := newBallast(t).laden()
	plan := b.plan(b.bytes(1))
	if err := os.RemoveAll(b.path("ballast")); err != nil {
		t.Fatal(err)
	}
	if removed, notes := b.apply(plan); removed != (headroom.Amount{}) || len(notes) > 0 {
		t.Errorf("removed %+v: %q", removed, notes)
	}
}

func TestKilledAtAnyStepOfGivingBackBallast(t *testing.T) {
	for _, step := range (Ballast{}).Steps() {
		b := newBallast(t).laden()
		plan := b.plan(b.bytes(1))
		killedAtStep(t, step, func(run Run) {
			run.Missing = func(context.Context) (int64, error) { return 1, nil }
			b.Apply(t.Context(), b.node, plan, run)
		})
		if removed, notes := b.apply(plan); removed != (headroom.Amount{}) || len(notes) > 0 {
			t.Errorf("the same plan again removes %+v: %q", removed, notes)
		}
		if left := len(b.plan(b.bytes(all)).Items); left != ballastPieces-len(plan.Items) {
			t.Errorf("%d pieces are left", left)
		}
	}
}

func TestPiecesOfAnotherSizeStayWhileThereIsNoRoomForOthers(t *testing.T) {
	b := newBallast(t).laden()
	before := b.names()
	b.Ballast = configuredBallast(t, fmt.Sprintf("{path: %s/ballast, size: 2Mi, inodes: 20}", b.root))
	b.keep(b.bytes(1))
	if diff := cmp.Diff(before, b.names()); diff != "" {
		t.Error(diff)
	}
}
