package remediator

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/engine"
	"github.com/nodeheadroom/headroom/remediator/webhook"
)

// The table of the remediator's metrics in docs/metrics.md is what it has; -update
// rewrites it.
func TestTheTableOfMetricsIsWhatTheProgramHas(t *testing.T) {
	m := newMachine(t)
	s := &settings{stdout: os.Stdout, stderr: os.Stderr}
	if _, err := parse(s, m.args()); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	newStore(s, registry).Close()
	engine.NewMetrics(registry, "n1", headroom.Signals(), []string{"log-reclaim"}, true)
	webhook.New(nil, nil, nil, s.logger, registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := "| metric | labels | meaning |\n|---|---|---|\n"
	for _, f := range families {
		var labels []string
		for _, l := range f.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		if labels == nil {
			labels = []string{"–"}
		}
		want += fmt.Sprintf("| `%s` | %s | %s |\n", f.GetName(), strings.Join(labels, ", "), f.GetHelp())
	}
	const file, begin, end = "../docs/metrics.md", "<!-- remediator:begin -->\n", "<!-- remediator:end -->"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(doc), begin)
	got, tail, _ := strings.Cut(rest, end)
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
