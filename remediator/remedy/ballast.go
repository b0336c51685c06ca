package remedy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// Ballast gives back what it has set aside itself in quiet times: room at once,
// however full the disk is, and whoever has filled it. It helps for as long as it
// takes to find out who that was, and is no remedy by itself.
//
// It is a folder of its own with 16 pieces of random data, which no filesystem can
// store in fewer blocks, and with empty files, each an inode to spare. Only as
// many go as are needed: pieces for bytes, empty files for inodes. Keep makes them
// again, a piece at a time, where the signal leaves room for it.
//
// The folder and all above it must be root's and nobody else's to write, without
// links; it must be on the disk in need; nothing in it is touched but regular
// files with one link by names that Ballast gives. On filesystems that keep
// snapshots, a piece that is in one gives back nothing. Keys: path, size, inodes.
type Ballast struct {
	settings *ballastSettings // nil is the defaults
}

// ballastSettings are Ballast's keys in a policy.
type ballastSettings struct {
	// Path is the folder. What is above it may be missing, too.
	Path string `yaml:"path"`
	// Size is how many bytes all pieces have together.
	Size quantity `yaml:"size"`
	// Inodes is how many empty files there are.
	Inodes quantity `yaml:"inodes"`
}

var defaultBallastSettings = ballastSettings{Path: "/var/lib/headroom/ballast", Size: 256 << 20, Inodes: 1000}

const (
	ballastPieces    = 16
	maxBallast       = 1 << 40 // bytes
	maxBallastInodes = maxItems
)

// Name returns "ballast".
func (Ballast) Name() string { return "ballast" }

// Lends says that what it gives back was its own.
func (Ballast) Lends() {}

// Steps are after a file was removed.
func (Ballast) Steps() []string { return []string{ballastRemoved} }

const ballastRemoved = "ballast: removed"

// Configure reads the keys above. It does not look at the folder.
func (Ballast) Configure(decode func(into any) error) (Remedy, error) {
	s := defaultBallastSettings
	if err := decode(&s); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(s.Path) || filepath.Clean(s.Path) != s.Path || s.Path == "/" || strings.ContainsRune(s.Path, 0) {
		return nil, fmt.Errorf("path: %q: give the absolute path of a folder of its own, without \"..\" and double slashes", s.Path)
	}
	if s.Size < 0 || s.Size > maxBallast || s.Size > 0 && s.Size < ballastPieces*4096 {
		return nil, fmt.Errorf("size: %d: give a quantity of bytes such as 256Mi, from 64Ki to 1Ti, or 0 for none", s.Size)
	}
	if s.Inodes < 0 || s.Inodes > maxBallastInodes {
		return nil, fmt.Errorf("inodes: %d: give a number from 0 to %d", s.Inodes, maxBallastInodes)
	}
	return Ballast{&s}, nil
}

// Agrees refuses pieces of another size in the same folder, of which each would take
// the other's for its own that changed, and one folder within the other.
func (b Ballast) Agrees(with Remedy) error {
	other, ok := with.(Ballast)
	if !ok {
		return nil
	}
	mine, theirs := b.config(), other.config()
	switch {
	case mine.Path == theirs.Path && (mine.Size == theirs.Size || mine.Size == 0 || theirs.Size == 0):
	case mine.Path == theirs.Path:
		return fmt.Errorf("path: %q: another rung keeps ballast of another size there: give both the same size, or each a path of its own", mine.Path)
	case strings.HasPrefix(mine.Path, theirs.Path+"/"), strings.HasPrefix(theirs.Path, mine.Path+"/"):
		return fmt.Errorf("path: %q: within one folder with the ballast of another rung, %q: give each a folder of its own", mine.Path, theirs.Path)
	}
	return nil
}

func (b Ballast) config() ballastSettings {
	if b.settings == nil {
		return defaultBallastSettings
	}
	return *b.settings
}

// Plan lists what is there. Pieces that are only half made go first.
func (b Ballast) Plan(_ context.Context, _ Node, need Need) (Plan, error) {
	plan := Plan{need: need}
	if need.Signal.Filesystem() == "" {
		plan.Notes = []string{fmt.Sprintf("ballast gives back bytes or inodes, which %s does not count", need.Signal)}
		return plan, nil
	}
	store, err := b.open(need)
	if reason, ok := err.(leftAlone); ok || errors.Is(err, unix.ENOENT) {
		if !ok {
			reason = "nothing has been set aside yet"
		}
		plan.Notes = []string{fmt.Sprintf("%s: %s", b.config().Path, reason)}
		return plan, nil
	} else if err != nil {
		return Plan{}, err
	}
	defer store.close()
	if err := store.read(); err != nil {
		return Plan{}, err
	}
	for _, f := range slices.Concat(store.unfinished, store.pieces) {
		if need.Amount <= plan.Frees.In(need.Signal.Unit()) {
			break
		}
		plan.add(Remove, f)
	}
	if plan.Items == nil {
		plan.Notes = append(plan.Notes, fmt.Sprintf("%s: all that had been set aside for %s is used", store.path, need.Signal.Unit()))
	}
	plan.Notes = append(plan.Notes, store.notes.list()...)
	return plan, nil
}

// Apply looks at each file again by identity right before it goes. To remove a
// file needs no room.
func (b Ballast) Apply(ctx context.Context, _ Node, plan Plan, run Run) ([]string, error) {
	if len(plan.Items) == 0 {
		return nil, nil
	}
	store, err := b.open(plan.need)
	switch {
	case errors.Is(err, unix.ENOENT): // what is gone is done
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer store.close()
	m := meter{run: run, unit: plan.need.Signal.Unit()}
	a := logApply{meter: m}
	for _, item := range plan.Items {
		if err := ctx.Err(); err != nil {
			return a.notes.list(), err
		}
		if enough, err := a.meter.enough(ctx); enough || err != nil {
			return a.notes.list(), err
		}
		if err := a.note(item, store.remove(&a.meter, item)); err != nil {
			return a.notes.list(), err
		}
	}
	return a.notes.list(), nil
}

// remove unlinks one file if it is still the one that was planned.
func (s *ballastStore) remove(m *meter, item Item) error {
	f := item.file
	if f.in.id != s.in.id {
		return errChanged
	}
	var st unix.Stat_t
	if err := unix.Fstatat(s.fd, f.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if err := f.same(&st); err != nil {
		return err
	}
	if err := unix.Unlinkat(s.fd, f.name, 0); err != nil {
		return err
	}
	m.removed(item, headroom.Amount{Bytes: st.Blocks * 512, Inodes: 1})
	m.run.step(ballastRemoved)
	return nil
}
