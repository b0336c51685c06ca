package exporter

import (
	"io"
	"strings"
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
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
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
				cell = clip(cell, width-utf8.RuneCountInString(line))
			}
			pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell)))
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

// clip cuts the middle out of s where it is longer than n: of a path and of a
// pod's name, the end tells most, then the beginning.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n || n < 3 {
		return s
	}
	tail := (n - 1) * 2 / 3
	return string(runes[:n-1-tail]) + "…" + string(runes[len(runes)-tail:])
}

// wrap breaks text between words so that it fits, each line after indent. What
// is longer than a line is left whole.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line) > len(indent) && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
	return b.String()
}

// printable returns s without what a terminal would act on: names, paths and
// errors come from outside.
func printable(s string) string {
	s = strings.ReplaceAll(s, "\n", "; ") // between errors that were joined
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}
