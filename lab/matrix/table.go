package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// columns are the table's heads.
var columns = []string{
	"what fills the disk", "disks", "rate, of what can be met",
	"without: bystanders lost", "DiskPressure",
	"with: bystanders lost", "DiskPressure", "offender lost", "alert, then room", "by", "harm",
}

// A table is what is printed: of every row the worst play without the remediator and
// the worst with it. A play of what was in the tree before stands there until it is
// played again, and is counted.
type table struct {
	shipped   shipped
	missing   int // plays
	older     int // plays
	revisions []string
	lines     [][]string
	notes     []string
}

// newTable makes the table of those rows from what is kept of them.
func newTable(all []row, kept *results, s shipped, now inputs) *table {
	t := &table{shipped: s}
	for _, r := range all {
		without, with := kept.of(r, false), kept.of(r, true)
		t.missing += 2*plays - len(without) - len(with)
		for _, one := range append(slices.Clone(without), with...) {
			if one.Took != now.of(one.With) {
				t.older++
			}
			if !slices.Contains(t.revisions, one.Revision) {
				t.revisions = append(t.revisions, one.Revision)
			}
		}
		t.lines = append(t.lines, line(r, without, with))
		if note := r.fill.needs(); note != "" && !slices.Contains(t.notes, note) {
			t.notes = append(t.notes, note)
		}
	}
	slices.Sort(t.revisions)
	return t
}

// needs says what a fill's nodes have that others have not.
func (f fill) needs() string {
	var words []string
	for key, value := range f.kubelet {
		text := strings.Trim(strings.TrimPrefix(fmt.Sprint(value), "map"), "[]")
		words = append(words, fmt.Sprintf("%s: %s", key, text))
	}
	slices.Sort(words)
	words = append(append(words, f.flags...), f.nodefs...)
	if f.conditions != "" {
		words = append(words, f.conditions)
	}
	if len(words) == 0 {
		return ""
	}
	return f.title + ": " + strings.Join(words, ", ")
}

// line is a row's: an empty cell is a play that is missing.
func line(r row, without, with []result) []string {
	cells := make([]string, len(columns))
	cells[0], cells[1] = r.fill.title, r.disks.name
	if r.speed.name != "" {
		cells[0] += ", " + r.speed.name
	}
	if len(without) > 0 {
		w := worst(without)
		cells[2], cells[3], cells[4] = pace(&w), lostOf(&w), pressure(&w)
	}
	if len(with) > 0 {
		w := worst(with)
		copy(cells[2:], []string{
			pace(&w), cells[3], cells[4], lostOf(&w), pressure(&w), fmt.Sprint(len(w.Offender)),
			since(w.AlertAt) + ", " + room(&w), climbed(&w), w.Harm.String(),
		})
	}
	return cells
}

// pace is the measured rate and the fastest that can be met, and that it was beyond
// all help where it was.
func pace(r *result) string {
	text := fmt.Sprintf("%s of %s/s", amount(r.Unit, r.Rate), amount(r.Unit, r.Fastest))
	if r.forbidden() {
		text += ": physics forbids"
	}
	return text
}

func pressure(r *result) string {
	if !r.Pressure {
		return "no"
	}
	return fmt.Sprintf("after %.0f s", seconds(r.PressureAt))
}

func lostOf(r *result) string { return fmt.Sprintf("%d of %d", len(r.Lost), r.Bystanders) }

func since(at *float64) string {
	if at == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f s", *at)
}

// room is from the alert to headroom above where the remediator acts.
func room(r *result) string {
	switch {
	case r.Room == nil:
		return "never"
	case *r.Room == 0:
		return "never short"
	}
	return fmt.Sprintf("%.0f s", *r.Room)
}

// climbed names the remedies that did something, in the order of the first of each.
func climbed(r *result) string {
	var names []string
	for _, a := range r.Acts {
		if a.did() && !slices.Contains(names, a.Remedy) {
			names = append(names, a.Remedy)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// String says what was lost besides pods.
func (h harm) String() string {
	var words []string
	if h.Pulls > 0 {
		words = append(words, fmt.Sprintf("%d images pulled again", h.Pulls))
	}
	if h.Bystanders > 0 {
		words = append(words, amount(inBytes, float64(h.Bystanders))+" of bystanders' logs")
	}
	if h.Offender > 0 {
		words = append(words, amount(inBytes, float64(h.Offender))+" of the offender's logs")
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// amount writes bytes in their own units, and inodes as they are.
func amount(unit string, value float64) string {
	if unit == inInodes {
		return fmt.Sprintf("%.0f inodes", value)
	}
	for _, u := range []struct {
		name string
		size float64
	}{{"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if value >= u.size {
			return fmt.Sprintf("%.1f %s", value/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.0f B", value)
}

// write prints the table in Markdown.
func (t *table) write(out io.Writer) {
	all := append([][]string{columns}, t.lines...)
	widths := make([]int, len(columns))
	for _, cells := range all {
		for i, cell := range cells {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for i, cells := range all {
		fmt.Fprintln(out, markdown(cells, widths, " "))
		if i == 0 {
			fmt.Fprintln(out, markdown(make([]string, len(columns)), widths, "-"))
		}
	}
	s := t.shipped
	fmt.Fprintf(out, "\nOf %d plays the worst. A fill begins %.0f %% of the disk above the kubelet's threshold and would end %.0f %% below it.\n",
		plays, 100*distance, 100*beyond)
	fmt.Fprintf(out, "What can be met: that distance in %s, which is scrape %s + evaluation %s + for %s + group wait %s + act %s.\n",
		s.notice(), s.scrape, s.evaluate, s.holds, s.group, answers)
	fmt.Fprintf(out, "Played by %s. What differs from what is shipped: %s.\n", strings.Join(t.revisions, ", "), strings.ReplaceAll(differs, "\n", " "))
	for _, note := range t.notes {
		fmt.Fprintf(out, "- %s\n", note)
	}
	if t.older > 0 {
		fmt.Fprintf(out, "\nOf an older exporter, remediator, rule or configuration: %d of %d plays.\n", t.older, 2*plays*len(t.lines))
	}
	if t.missing > 0 {
		fmt.Fprintf(out, "\n%d plays are missing.\n", t.missing)
	}
}

func markdown(cells []string, widths []int, pad string) string {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString("|" + pad + cell + strings.Repeat(pad, widths[i]-len([]rune(cell))) + pad)
	}
	return b.String() + "|"
}
