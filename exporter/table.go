package exporter

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// width is how wide what check writes may be: what a terminal has at least that
// is used for reading.
const width = 100

// A table is rows of cells that are aligned when it is written.
type table struct {
	right []bool // which columns are numbers
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write writes the rows, with two spaces between columns. The last column is cut
// where it would not fit.
func (t *table) write(w io.Writer, indent string) error {
	widths := make([]int, len(t.right))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		line := indent
		for i, cell := range row {
			if i > 0 {
				line += "  "
			}
			if i == len(t.right)-1 {
				cell = clip(cell, width-cells(line))
			}
			pad := strings.Repeat(" ", max(0, widths[i]-cells(cell)))
			if t.right[i] {
				line += pad + cell
			} else {
				line += cell + pad
			}
		}
		b.WriteString(strings.TrimRight(line, " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// clip cuts the middle out of s where it takes more than n cells: of a path and of
// a pod's name, the end tells most, then the beginning.
func clip(s string, n int) string {
	if n < 3 || cells(s) <= n {
		return s
	}
	end := (n - 1) * 2 / 3
	return beginning(s, n-1-end) + "…" + ending(s, end)
}

// wrap breaks text between words so that it fits, each line after indent. A word
// that is longer than a line begins one and is broken where that is full.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	end := func() {
		b.WriteString(line + "\n")
		line = indent
	}
	room := width - cells(indent)
	for word := range strings.FieldsSeq(text) {
		if line != indent && cells(line)+1+cells(word) > width {
			end()
		}
		for cells(word) > room {
			part := beginning(word, room)
			word = word[len(part):]
			line += part
			end()
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	end()
	return b.String()
}

// invisible is what a terminal acts on, or shows nothing for: controls, formats
// (which turn the direction of text, or have no width), separators of lines.
var invisible = []*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp}

// printable returns s with a question mark for what is not to be seen: names,
// paths and errors come from outside.
func printable(s string) string {
	s = strings.ReplaceAll(s, "\n", "; ") // between errors that were joined
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.In(r, invisible...) {
			return '?'
		}
		return r
	}, s)
}
