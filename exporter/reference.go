package exporter

import (
	"fmt"
	"strings"

	"github.com/nodeheadroom/headroom"
)

// Table renders the metrics as a table in Markdown. docs/metrics.md shows it.
func Table() string {
	var b strings.Builder
	b.WriteString("| metric | unit | labels | meaning | source |\n|---|---|---|---|---|\n")
	for _, m := range append(metrics[:], buildInfo) {
		labels := "–"
		if len(m.labels) > 0 {
			labels = strings.Join(m.labels, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.name, m.unit, labels, m.help, m.source)
	}
	return b.String()
}

// ProblemTable renders the problems that headroom_config_problem names as a table
// in Markdown. docs/metrics.md shows it.
func ProblemTable() string {
	var b strings.Builder
	b.WriteString("| problem | severity | what it is | what to do |\n|---|---|---|---|\n")
	for _, p := range headroom.Problems() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p, p.Severity(), p.Meaning(), p.Advice())
	}
	return b.String()
}

// namespace is of the metric about the program itself, which a library writes.
const namespace = "headroom_exporter"

var buildInfo = metric{namespace + "_build_info", gauge, "always 1", []string{"version", "revision", "branch", "goversion", "goos", "goarch", "tags"},
	"What this program was built from. Always 1.", ofItself}
