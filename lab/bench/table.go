package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// A row is one thing that was measured.
type row struct {
	what, ours    string
	beside        string  // what it was measured beside, in words
	ratio         float64 // 0 where there is nothing to compare with
	budget        string
	over, without bool // the budget; whether there is none
}

// A table collects rows, and remarks below them.
type table struct {
	rows    []row
	remarks []string
}

// compare adds a row that is held against a ratio; budget 0 is none.
func (t *table) compare(what string, ours, theirs float64, show func(float64) string, beside string, budget float64) {
	r := row{what: what, ours: show(ours), beside: beside + " " + show(theirs), ratio: ours / theirs, without: budget == 0}
	if budget > 0 {
		r.budget, r.over = fmt.Sprintf("%.1f ×", budget), r.ratio > budget
	}
	t.rows = append(t.rows, r)
}

// limit adds a row that is held against a number; budget 0 is none.
func (t *table) limit(what string, ours float64, show func(float64) string, beside string, budget float64) {
	r := row{what: what, ours: show(ours), beside: beside, without: budget == 0}
	if budget > 0 {
		r.budget, r.over = show(budget), ours > budget
	}
	t.rows = append(t.rows, r)
}

func (t *table) remark(format string, args ...any) {
	t.remarks = append(t.remarks, fmt.Sprintf(format, args...))
}

// print writes the table as Markdown whose columns stand below each other.
func (t *table) print(out io.Writer, machine string) {
	lines := [][]string{{"what", "Headroom", "beside", "ratio", "budget", ""}}
	for _, r := range t.rows {
		ratio, verdict := "", "met"
		if r.ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.ratio)
		}
		switch {
		case r.without:
			verdict = ""
		case r.over:
			verdict = "**missed**"
		}
		lines = append(lines, []string{r.what, r.ours, r.beside, ratio, r.budget, verdict})
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintf(out, "\n%s\n\n", machine)
	for n, line := range lines {
		fmt.Fprint(out, "|")
		for i, cell := range line {
			fmt.Fprintf(out, " %s%s |", cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		fmt.Fprintln(out)
		if n == 0 {
			for _, width := range widths {
				fmt.Fprintf(out, "|%s", strings.Repeat("-", width+2))
			}
			fmt.Fprintln(out, "|")
		}
	}
	fmt.Fprintln(out)
	for _, remark := range t.remarks {
		fmt.Fprintf(out, "- %s\n", remark)
	}
}

// machine says where this was measured.
func machine() string {
	var name unix.Utsname
	unix.Uname(&name)
	return fmt.Sprintf("Measured on %d processors (%s), Linux %s, %s, %s.", runtime.NumCPU(), processor(),
		unix.ByteSliceToString(name.Release[:]), runtime.Version(), time.Now().UTC().Format("2006-01-02"))
}

// processor reads the first model name of /proc/cpuinfo:
//
//	model name	: Intel(R) Xeon(R) Processor @ 2.90GHz
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// How numbers are shown. Times are in seconds, sizes in bytes.
func milliseconds(s float64) string { return fmt.Sprintf("%.1f ms", s*1e3) }
func microseconds(s float64) string { return fmt.Sprintf("%.0f µs", s*1e6) }
func seconds(s float64) string      { return fmt.Sprintf("%.2f s", s) }
func mebibytes(n float64) string    { return fmt.Sprintf("%.1f MiB", n/(1<<20)) }
func kibibytes(n float64) string    { return fmt.Sprintf("%.0f KiB", n/(1<<10)) }
func count(n float64) string        { return fmt.Sprintf("%.0f", n) }
