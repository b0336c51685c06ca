//go:build e2e

package incident

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/product"
	"github.com/nodeheadroom/headroom/lab/promtool"
)

// recorded is what the rules read of the signal that falls.
const recorded = `{__name__=~"headroom_(signal_available_bytes|threshold_bytes|threshold_met|ratio|image_gc_margin_ratio)",signal="` + signal + `"}`

const (
	low       = "HeadroomLow"
	trend     = "HeadroomEvictionTrend"
	predicted = "HeadroomEvictionPredicted"
	imminent  = "HeadroomEvictionImminent"
)

// columns are the alerts as the table has them.
var columns = []string{low, trend, predicted, imminent}

// fills are what promtool plays, with the alerts that must announce each and how
// long ahead at least, which is about half of what rules/README.md says. Their
// windows decide: a fill of two minutes is over before HeadroomEvictionPredicted
// believes in it, and one of ten is hardly longer than its first window.
var fills = []struct {
	name  string
	takes time.Duration
	ahead leads
}{
	{"2 minutes", 2 * time.Minute, leads{imminent: promised}},
	{"10 minutes", 10 * time.Minute, leads{imminent: 150 * time.Second, predicted: promised}},
	{"an hour", time.Hour, leads{imminent: 150 * time.Second, predicted: 15 * time.Minute, trend: 15 * time.Minute}},
	{"a day", 24 * time.Hour, leads{imminent: 150 * time.Second, predicted: 15 * time.Minute, trend: 2 * time.Hour, low: time.Hour}},
}

// scrapes are the intervals that deploy/prometheus has: for one machine, and for
// Kubernetes.
var scrapes = []time.Duration{5 * time.Second, 15 * time.Second}

// leads is how long before the threshold each alert fires.
type leads map[string]time.Duration

// stretched plays the recorded fall at other paces to the shipped rules and prints
// each alert's lead.
func stretched(t *testing.T, f Fall) {
	table := make([]leads, len(fills)*len(scrapes))
	t.Run("stretched", func(t *testing.T) {
		for i := range table {
			fill, scrape := fills[i/len(scrapes)], scrapes[i%len(scrapes)]
			t.Run(fmt.Sprintf("%s, scraped every %s", fill.name, scrape), func(t *testing.T) {
				t.Parallel()
				table[i] = f.leads(t, fill.takes, scrape)
				announced(t, table[i], fill.ahead)
			})
		}
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %8s", "fill", "scrape")
	for _, alert := range columns {
		fmt.Fprintf(&b, " %12s", strings.TrimPrefix(strings.TrimPrefix(alert, "Headroom"), "Eviction"))
	}
	for i, l := range table {
		fmt.Fprintf(&b, "\n%-12s %8s", fills[i/len(scrapes)].name, scrapes[i%len(scrapes)])
		for _, alert := range columns {
			cell := "–"
			if lead, fired := l[alert]; fired {
				cell = lead.String()
			}
			fmt.Fprintf(&b, " %12s", cell)
		}
	}
	t.Logf("before the threshold is met:\n\n%s", b.String())
}

// announced fails the test unless every alert that must come came early enough.
func announced(t *testing.T, got, atLeast leads) {
	t.Helper()
	for alert, want := range atLeast {
		if lead, fired := got[alert]; !fired {
			t.Errorf("%s does not fire", alert)
		} else if lead < want {
			t.Errorf("%s fires %s ahead, want %s", alert, lead, want)
		}
	}
}

// leads plays a fill. promtool has one interval for all groups: the slow alerts
// are evaluated every minute over all of it, the fast one every five seconds over
// its end.
func (f Fall) leads(t *testing.T, takes, scrape time.Duration) leads {
	t.Helper()
	slow := Plan{Quiet: 2 * time.Hour, Takes: takes, Scrape: scrape}
	fast := slow
	fast.Late = time.Second // the worst phase: the rules look a second before each scrape
	fast.From = max(0, fast.Quiet+fast.Takes-20*time.Minute)
	all := make(leads)
	for _, play := range []struct {
		plan     Plan
		evaluate time.Duration
		alerts   []string
	}{
		{slow, time.Minute, []string{low, trend, predicted}},
		{fast, 5 * time.Second, []string{imminent}},
	} {
		fired := f.play(t, play.plan, play.evaluate)
		for _, alert := range play.alerts {
			if at, ok := fired[alert]; ok {
				all[alert] = play.plan.met() - at
			}
		}
	}
	return all
}

func (f Fall) play(t *testing.T, p Plan, evaluate time.Duration) map[string]time.Duration {
	t.Helper()
	root, err := product.Root()
	if err != nil {
		t.Fatal(err)
	}
	fired, err := promtool.Play{
		Rules:    filepath.Join(root, "rules/headroom.yaml"),
		Evaluate: evaluate, Interval: p.step(), Series: f.Stretch(p),
	}.Fired(t.Context(), p.met())
	if err != nil {
		t.Fatal(err)
	}
	return fired
}
