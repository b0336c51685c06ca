package remedy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	headroom "github.com/nodeheadroom/headroom"
)

// JournalVacuum frees what archives of systemd's journal take, oldest first:
// what was logged last is what somebody will want to read.
//
// It removes nothing but archives, and what journald has set aside as damaged:
// regular files with one link that carry journald's own names, in the folder of
// a machine beneath Node.JournalRoots, on the disk in need. A file that some
// process writes, or whose header says so, stays, and so do the newest archives.
// Archives that a reader holds open (journalctl -f, a log shipper) go last: their
// space returns when it closes them, which readers made with systemd's library do
// as soon as they notice.
//
// Where archives do not suffice, journald is asked to rotate, which makes
// archives of the files it writes. It then begins new ones, and would log nothing
// if it could not: so that is never asked of a disk without room for them, nor
// for inodes, of which it frees none. Journals of namespaces are vacuumed, not
// rotated. Killed meanwhile, it may rotate once more. Keys: keep, rotate.
type JournalVacuum struct {
	settings *journalSettings // nil is the defaults
}

// journalSettings are JournalVacuum's keys in a policy.
type journalSettings struct {
	// Keep is how many bytes of each machine's archives stay at least, newest
	// first: an archive goes only if those after it have as much.
	Keep quantity `yaml:"keep"`
	// Rotate allows to ask journald for a rotation.
	Rotate bool `yaml:"rotate"`
}

var defaultJournalSettings = journalSettings{Keep: 16 << 20, Rotate: true}

// Name returns "journal-vacuum".
func (JournalVacuum) Name() string { return "journal-vacuum" }

// Steps are after a file was removed, and after journald has rotated.
func (JournalVacuum) Steps() []string { return []string{journalRemoved, journalRotated} }

const (
	journalRemoved = "journal-vacuum: removed"
	journalRotated = "journal-vacuum: rotated"
)

// Configure reads the keys above.
func (JournalVacuum) Configure(decode func(into any) error) (Remedy, error) {
	s := defaultJournalSettings
	if err := decode(&s); err != nil {
		return nil, err
	}
	if s.Keep < 0 {
		return nil, fmt.Errorf("keep: %d: give a quantity of bytes such as 16Mi", s.Keep)
	}
	return JournalVacuum{&s}, nil
}

func (j JournalVacuum) config() journalSettings {
	if j.settings == nil {
		return defaultJournalSettings
	}
	return *j.settings
}

// Plan reads the journal's folders and who uses what is in them. A rotation in
// it comes after all archives, with the files that it would make removable.
func (j JournalVacuum) Plan(ctx context.Context, n Node, need Need) (Plan, error) {
	plan := Plan{need: need}
	if need.Signal.Filesystem() == "" {
		plan.Notes = []string{fmt.Sprintf("the journal gives back bytes and inodes, which %s does not count", need.Signal)}
		return plan, nil
	}
	w := journalWalker{walker: newWalker(logSettings{}, need, nil), uses: make(map[uint64]*uses)}
	if err := w.walkRoots(ctx, n.JournalRoots); err != nil {
		return Plan{}, err
	}
	if len(w.uses) > 0 {
		if err := findUses(ctx, n.Proc, need.Disk, w.uses); err != nil {
			return Plan{}, err
		}
	}
	c := journalChoice{journalSettings: j.config(), walker: &w, plan: &plan}
	c.archives()
	if c.rotates() {
		c.rotation(n.JournalSocket)
	}
	plan.Notes = append(c.heldNote(), w.notes.list()...)
	return plan, nil
}

// walkRoots reads every root that can be read. It is an error if none can; one
// that does not exist is journald's to make, and empty.
func (w *journalWalker) walkRoots(ctx context.Context, paths []string) error {
	var failed []error
	for _, path := range paths {
		err := w.walkRoot(ctx, path)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil || errors.Is(err, errNoOpenat2):
			return err
		case !errors.Is(err, fs.ErrNotExist):
			failed = append(failed, err)
		}
		w.notes.add(err.Error(), "")
	}
	if len(paths) == 0 {
		w.notes.add("no journal root: name the folder of systemd's journal with --path.journal", "")
	}
	if len(failed) > 0 && len(failed) == len(paths) {
		return errors.Join(failed...)
	}
	return nil
}

// covered reports whether a plan frees as much as is needed.
func (p *Plan) covered() bool { return p.Frees.In(p.need.Signal.Unit()) >= p.need.Amount }

// newJournal is what journald allocates for a new file, at most
// (FILE_SIZE_INCREASE in journal-file.c).
const newJournal = 8 << 20

// rotates reports whether a rotation is worth a thought.
func (c *journalChoice) rotates() bool {
	return c.Rotate && !c.plan.covered() && c.plan.need.Signal.Unit() == headroom.Bytes
}
