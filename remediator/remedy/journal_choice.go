package remedy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A journalChoice makes a plan of what a walker has found.
type journalChoice struct {
	journalSettings
	walker *journalWalker
	plan   *Plan
	held   []journal // planned, and held open by a reader
}

// archives plans the removal of archives, oldest first over all folders: at
// first those that nobody reads.
func (c *journalChoice) archives() {
	var free, held []journal
	for _, m := range c.walker.folders {
		for _, j := range c.beyond(m.only(archived, disposed)) {
			switch reason := c.leave(j); {
			case reason != "":
				c.walker.notes.add(reason, printable(j.path()))
			case c.isHeld(j):
				held = append(held, j)
			default:
				free = append(free, j)
			}
		}
	}
	c.take(free)
	c.take(held)
}

// take adds files to the plan, oldest first, until it covers the need.
func (c *journalChoice) take(files []journal) {
	slices.SortFunc(files, oldestFirst)
	for _, j := range files {
		if c.plan.covered() {
			return
		}
		c.plan.add(Remove, j.file)
		if c.isHeld(j) {
			c.held = append(c.held, j)
		}
	}
}

// heldNote says which space will not be back at once.
func (c *journalChoice) heldNote() []string {
	if len(c.held) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d of the archives are held open, such as %s: their space returns when that process closes them", len(c.held), printable(c.held[0].path()))}
}

func oldestFirst(a, b journal) int {
	return cmp.Or(cmp.Compare(a.head, b.head), strings.Compare(a.path(), b.path()))
}

// only returns the folder's files of these kinds.
func (m *machineJournal) only(kinds ...journalKind) []journal {
	var chosen []journal
	for _, j := range m.files {
		if slices.Contains(kinds, j.kind) {
			chosen = append(chosen, j)
		}
	}
	return chosen
}

// beyond returns those files after which there are Keep bytes.
func (c *journalChoice) beyond(files []journal) []journal {
	slices.SortFunc(files, func(a, b journal) int { return oldestFirst(b, a) })
	var kept int64
	for i, j := range files {
		if kept >= int64(c.Keep) {
			return files[i:]
		}
		kept += j.frees.Bytes
	}
	return nil
}

// leave returns why a file must stay, or "".
func (c *journalChoice) leave(j journal) string {
	switch u := c.walker.uses[j.ino]; {
	case u.unclear != "":
		return "cannot tell: " + u.unclear
	case u.writers > 0:
		return isWritten
	case j.online && j.kind == archived:
		return isOnline
	}
	return ""
}

// isHeld reports whether some process reads a file. Its writer, which is journald,
// lets go of it with the rotation.
func (c *journalChoice) isHeld(j journal) bool {
	u := c.walker.uses[j.ino]
	return len(u.readers) > u.writers || u.mapped != "" && j.kind != active
}

// rotation plans to rotate, and what may be removed then: the files that are
// written become the newest archives, and others are so old no more.
func (c *journalChoice) rotation(socket string) {
	m, written := c.written()
	if m == nil {
		return
	}
	before := c.beyond(m.only(archived, disposed))
	var more []journal
	var gain int64
	for _, j := range c.beyond(append(m.only(archived, disposed), written...)) {
		known := slices.ContainsFunc(before, func(b journal) bool { return b.ino == j.ino })
		if !known && (j.kind == active || c.leave(j) == "") {
			more = append(more, j)
			gain += j.frees.Bytes
		}
	}
	if cost := int64(len(written)) * newJournal; gain <= cost {
		c.walker.notes.add(fmt.Sprintf("a rotation would free %d bytes and take as many as %d for new files", gain, cost), "")
		return
	}
	if len(c.plan.Items)+len(more) < maxItems {
		c.plan.Items = append(c.plan.Items, Item{Does: Rotate, What: "the journal, by " + printable(socket), file: written[0].file})
		c.take(more)
	}
}

// written returns the files that journald writes now, and their folder. There is
// one: other machines' are nobody's, and namespaces have a journald of their own.
func (c *journalChoice) written() (*machineJournal, []journal) {
	for _, m := range c.walker.folders {
		var written []journal
		for _, j := range m.only(active) {
			if u := c.walker.uses[j.ino]; u.writers > 0 && u.unclear == "" {
				written = append(written, j)
			}
		}
		if m.namespace == "" && len(written) > 0 {
			return m, written
		}
	}
	return nil, nil
}
