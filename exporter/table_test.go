package exporter

import (
	"strings"
	"testing"
)

func TestNothingThatATerminalActsOnIsPrinted(t *testing.T) {
	for name, c := range map[string]struct{ given, want string }{
		"an escape":                        {"a\x1b[31mb", "a?[31mb"},
		"a control of Latin-1":             {"a\u009bb", "a?b"},
		"errors that were joined":          {"a\nb", "a; b"},
		"what is no UTF-8":                 {"a\xffb", "a?b"},
		"text turned round":                {"a\u202eb\u202cc\u2066d", "a?b?c?d"},
		"a separator of lines":             {"a\u2028b\u2029c", "a?b?c"},
		"a space of no width":              {"a\u200bb\ufeffc\u00add", "a?b?c?d"},
		"letters of any script, and marks": {"/müller/データ/e\u0301/😀", "/müller/データ/e\u0301/😀"},
	} {
		if got := printable(c.given); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestCellsAreWhatATerminalShows(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "…–→": 3, "データ": 6, "ﾃﾞｰﾀ": 4, "한국": 4, "e\u0301": 1, "😀": 2, "𠮷": 2, "ａ": 2} {
		if got := cells(s); got != want {
			t.Errorf("%q: %d cells, want %d", s, got, want)
		}
	}
}

func TestClippedTextFits(t *testing.T) {
	for _, c := range []struct {
		given string
		n     int
		want  string
	}{
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "ab…efg"},
		{"データ", 6, "データ"},
		{"データベース", 6, "デ…ス"},
		{"abデータxy", 6, "ab…xy"},
	} {
		if got := clip(c.given, c.n); got != c.want || cells(got) > c.n {
			t.Errorf("%q in %d cells: %q, want %q", c.given, c.n, got, c.want)
		}
	}
}

func TestWrappedLinesFit(t *testing.T) {
	for name, given := range map[string]string{
		"words":               strings.Repeat("word ", 100),
		"a word without end":  "before " + strings.Repeat("x", 350) + " after",
		"one of wide letters": strings.Repeat("データ", 99),
		"one that just fits":  strings.Repeat("y", width-2) + " z",
	} {
		text := wrap(given, "  ")
		if got, want := strings.Join(strings.Fields(text), ""), strings.ReplaceAll(given, " ", ""); got != want {
			t.Errorf("%s: %q has become %q", name, want, got)
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); cells(line) > width || strings.TrimSpace(line) == "" {
				t.Errorf("%s: %d cells: %q", name, cells(line), line)
			}
		}
	}
}

func TestColumnsOfWideLettersAreAligned(t *testing.T) {
	table := &table{right: []bool{false, false}}
	table.add("データ", "x")
	table.add("data", "x")
	table.add("n", strings.Repeat("深", 60))
	var b strings.Builder
	if err := table.write(&b, ""); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if lines[0] != "データ  x" || lines[1] != "data    x" || cells(lines[2]) > width {
		t.Errorf("got\n%s", b.String())
	}
}
