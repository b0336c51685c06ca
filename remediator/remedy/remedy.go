// Package remedy makes room on the node it runs on.
//
// A Remedy plans, which changes nothing, and applies what it planned. It looks
// again right before every effect: what is no longer what was planned is left
// alone, and what is gone counts as done, so that both halves may be repeated
// after a crash. Whatever cannot be told (who holds a file open, what lies
// under a link) is left alone and said.
//
// A new remedy is one file and its row in All.
package remedy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

// All lists every remedy, gentlest first. Policies name them.
var All = []Remedy{LogReclaim{}, JournalVacuum{}, ContainerPrune{}, ImageGC{}, Ballast{}, Exec{}}

// A Remedy is one kind of action that makes room. Values are immutable; their
// methods may be called from many goroutines, but only one Apply should run on
// a node at a time.
type Remedy interface {
	// Name is what policies, metrics and records call it: lower case, hyphens.
	Name() string
	// Configure returns a copy with its own keys of a policy's rung. decode
	// reads them strictly into a struct with yaml tags and leaves what is absent
	// as it is. Errors begin with the key.
	Configure(decode func(into any) error) (Remedy, error)
	// Plan says what Apply would do to cover need, largest benefit first within
	// the gentler kind, and changes nothing. An empty plan's notes say why.
	Plan(ctx context.Context, n Node, need Need) (Plan, error)
	// Apply carries out a plan of the same remedy until run.Missing says
	// enough. Notes say what was left alone and what harm was seen; they are
	// valid together with an error, too. A cancelled ctx stops it between two
	// effects and is the error.
	Apply(ctx context.Context, n Node, plan Plan, run Run) (notes []string, err error)
	// Steps names the boundaries between effects at which Apply can be killed
	// and leave something to finish, undo or count: Run.Step is called at each.
	// A test kills the program at every one of them.
	Steps() []string
}

// ErrHalfDone is in the error of an Apply that had to leave an effect half done,
// because somebody it waited for may carry it on yet.
var ErrHalfDone = errors.New("half done")

// A Finisher is a remedy whose single effects have several steps. Finish is
// called before anything else when one of its rungs was cut short, and now and then
// after one ended with ErrHalfDone, until it returns no error: it carries what it
// finds half done to its end, or back. It must be safe to call when there is
// nothing of the kind.
type Finisher interface {
	Finish(ctx context.Context, n Node) (notes []string, err error)
}

// A Lender gives back what it had set aside itself: room, but no remedy. An
// episode in which nothing else helped has not succeeded.
type Lender interface{ Lends() }

// A Disrupter is a remedy that pods notice. It runs in the policy's windows and
// with approval only, unless the policy says otherwise.
type Disrupter interface{ Disrupts() }

// A Keeper prepares in quiet times what it needs later. Keep is called now and
// then while the signal has no open episode, and never beside an Apply; it
// takes at most spare.Amount, and nothing if that is 0 or less.
type Keeper interface {
	Keep(ctx context.Context, n Node, spare Need) (note string, err error)
}

// An Agreer has something on the machine that outlasts an episode. Agrees is an
// error, which begins with a key, if two rungs of a policy would undo each other's;
// with may be of any remedy.
type Agreer interface{ Agrees(with Remedy) error }

// A Node is what remedies know of the machine. It comes from flags, never from
// an alert.
type Node struct {
	Name     string
	Proc     string   // where procfs is mounted, showing every process of the machine
	LogRoots []string // folders of container logs, absolute
	// JournalRoots are folders of systemd's journal, such as /var/log/journal, and
	// JournalSocket is where journald speaks varlink.
	JournalRoots  []string
	JournalSocket string
	// Runtime is the container runtime; nil where there is none to ask.
	Runtime Runtime
	// Disk says which disk a role of filesystems is on; nil where nobody can.
	Disk func(context.Context, headroom.Filesystem) (node.Disk, error)
	// Pods says which pods are bound to the node; nil where nobody can.
	Pods Pods
	// Unused remembers since when images have not been used.
	Unused Unused
}

// A Need is how much room is wanted, and where.
type Need struct {
	Signal headroom.Signal
	Disk   node.Disk // st_dev of the filesystem in trouble
	Amount int64     // in the signal's unit
}

// What an Item does.
const (
	Remove   = "remove"
	Rotate   = "rotate" // begin a log anew, so that what it held can go
	Truncate = "truncate"
	Execute  = "run"
)

// An Item is one effect of a plan.
type Item struct {
	Does  string          // one of these words
	What  string          // for people: a path, quoted where it would not print
	Frees headroom.Amount // expected; zero if unknown

	file file   // identity, for items that are files
	id   string // identity, for those of the runtime: an image's ID, a container's

	sandbox bool // id is a sandbox's
	unknown bool // Frees is not all of it
}

// A Plan is what a remedy would do, in order, and just enough of it.
type Plan struct {
	Items []Item
	Notes []string        // what was left alone and why
	Frees headroom.Amount // sum over Items

	need Need
}

// Hash identifies what the plan would touch. It does not depend on sizes, which
// change all the time for a log that is written, nor on the order, which follows
// from them.
func (p Plan) Hash() string {
	lines := make([]string, len(p.Items))
	for i, item := range p.Items {
		// What is printable: it holds no line's end.
		lines[i] = item.Does + " " + strconv.FormatUint(item.file.ino, 10) + " " + strconv.Quote(item.id) + " " + item.What + "\n"
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:16])
}

// A Run is what Apply needs of the one who called it.
type Run struct {
	// Key is the same again when a plan is applied again after a crash.
	Key string
	// Missing reads how much is missing now, in the signal's unit; 0 or less is
	// enough.
	Missing func(context.Context) (int64, error)
	// Removed is called right after each effect, never twice at once, and not
	// after Apply has returned. It may come from another goroutine.
	Removed func(Item, headroom.Amount)
	// Step is called at each of the remedy's Steps, by name; nil calls nobody.
	Step func(name string)
}

// step marks a boundary.
func (r Run) step(name string) {
	if r.Step != nil {
		r.Step(name)
	}
}

// A meter asks what is missing once as much was freed as was missing before:
// reading the filesystem after every small file would cost more than removing
// it, and asking late frees too much.
type meter struct {
	run     Run
	unit    headroom.Unit
	missing int64
	freed   int64
	effects int // that were reported
}

// enough reports whether nothing is missing any more.
func (m *meter) enough(ctx context.Context) (bool, error) {
	if m.freed < m.missing {
		return false, nil
	}
	missing, err := m.look(ctx)
	return err == nil && missing <= 0, err
}

// look reads what is missing, from which it counts anew.
func (m *meter) look(ctx context.Context) (int64, error) {
	missing, err := m.run.Missing(ctx)
	if err != nil {
		return 0, fmt.Errorf("read what is missing: %w", err)
	}
	m.missing, m.freed = missing, 0
	return missing, nil
}

// removed reports an effect.
func (m *meter) removed(item Item, a headroom.Amount) {
	m.freed += a.In(m.unit)
	m.effects++
	m.run.Removed(item, a)
}
