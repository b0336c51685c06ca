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
	"fmt"
	"slices"
	"strconv"
	"strings"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

// All lists every remedy, gentlest first. Policies name them.
var All = []Remedy{LogReclaim{}, Exec{}}

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
}

// A Node is what remedies know of the machine. It comes from flags, never from
// an alert.
type Node struct {
	Name     string
	Proc     string   // where procfs is mounted, showing every process of the machine
	LogRoots []string // folders of container logs, absolute
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
	Truncate = "truncate"
	Execute  = "run"
)

// An Item is one effect of a plan.
type Item struct {
	Does  string          // Remove, Truncate or Execute
	What  string          // for people: a path, quoted where it would not print
	Frees headroom.Amount // expected; zero if unknown

	file file // identity, for items that are files
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
		lines[i] = item.Does + " " + strconv.FormatUint(item.file.ino, 10) + " " + item.What + "\n"
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
}

// A meter asks what is missing once as much was freed as was missing before:
// reading the filesystem after every small file would cost more than removing
// it, and asking late frees too much.
type meter struct {
	run     Run
	unit    headroom.Unit
	missing int64
	freed   int64
}

// enough reports whether nothing is missing any more.
func (m *meter) enough(ctx context.Context) (bool, error) {
	if m.freed < m.missing {
		return false, nil
	}
	missing, err := m.run.Missing(ctx)
	if err != nil {
		return false, fmt.Errorf("read what is missing: %w", err)
	}
	m.missing, m.freed = missing, 0
	return missing <= 0, nil
}

// removed reports an effect.
func (m *meter) removed(item Item, a headroom.Amount) {
	m.freed += a.In(m.unit)
	m.run.Removed(item, a)
}
