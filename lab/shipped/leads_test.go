package shipped

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/promtool"
)

// A fill is a disk that is quiet for five minutes and then falls evenly from
// 60 % to a threshold of 10 %.
type fill struct {
	takes  time.Duration // from the first byte to the threshold
	scrape time.Duration // interval
	rules  time.Duration // evaluation interval
	phase  time.Duration // of the scrapes, against the evaluations
	start  time.Duration // of the fall, against the evaluations
}

const quiet = 5 * time.Minute

// met is when the threshold is.
func (f fill) met() time.Duration { return quiet + f.start + f.takes }

// available is what is left of 100 at a time.
func (f fill) available(at time.Duration) float64 {
	fallen := math.Max(0, float64(at-quiet-f.start)/float64(f.takes))
	return math.Max(0, 60-50*fallen)
}

// series writes what a scrape would have read, once a second, as promtool does:
// most seconds have no sample.
func (f fill) series(value func(available float64) float64) string {
	var b strings.Builder
	for at := time.Duration(0); at <= f.met(); at += time.Second {
		if at < f.phase || (at-f.phase)%f.scrape != 0 {
			b.WriteString("_ ")
			continue
		}
		fmt.Fprintf(&b, "%g ", value(f.available(at)))
	}
	return b.String()
}

// lead returns how many seconds before the threshold an alert fired by the
// shipped rules; NaN if it did not.
func (f fill) lead(t *testing.T, alert string) float64 {
	t.Helper()
	const signal = `node="n",signal="nodefs.available"`
	fired, err := promtool.Play{
		Rules:    filepath.Join(root, "rules/headroom.yaml"),
		Evaluate: f.rules,
		Interval: time.Second,
		Series: []promtool.Series{
			{Name: `headroom_signal_available_bytes{` + signal + `}`, Values: f.series(func(a float64) float64 { return a })},
			{Name: `headroom_ratio{` + signal + `,eviction="hard"}`, Values: f.series(func(a float64) float64 { return (a - 10) / 100 })},
			{Name: `headroom_threshold_bytes{` + signal + `,eviction="hard"}`, Values: fmt.Sprintf("10x%d", f.met()/time.Second)},
		},
	}.Fired(t.Context(), f.met())
	if err != nil {
		t.Fatal(err)
	}
	at, ok := fired[alert]
	if !ok {
		return math.NaN()
	}
	return (f.met() - at).Seconds()
}

// A fill of two minutes is the fastest that the design promises anything about:
// 30 seconds ahead of the kubelet, whenever scrapes and evaluations come. The
// log (go test -v) is the table in rules/README.md.
func TestAFillOfTwoMinutesIsAnnouncedInTime(t *testing.T) {
	for _, tt := range []struct{ scrape, rules, atLeast float64 }{
		{5, 5, 60},   // one machine, as shipped
		{15, 5, 55},  // Kubernetes, as shipped
		{15, 15, 30}, // rules slowed down to the scrape
	} {
		t.Run(fmt.Sprintf("scrape %gs, rules %gs", tt.scrape, tt.rules), func(t *testing.T) {
			t.Parallel()
			worst, best := math.Inf(1), 0.0
			for phase := 0.0; phase < tt.scrape; phase += tt.scrape / 5 {
				for start := 0.0; start < tt.rules; start += tt.rules / 2.5 {
					lead := fill{2 * time.Minute, seconds(tt.scrape), seconds(tt.rules), seconds(phase), seconds(start)}.lead(t, "HeadroomEvictionImminent")
					worst, best = math.Min(worst, lead), math.Max(best, lead)
				}
			}
			t.Logf("%.0f to %.0f s", worst, best)
			if !(worst >= tt.atLeast) { // NaN is not
				t.Errorf("announced %.0f s before the threshold, want %.0f", worst, tt.atLeast)
			}
		})
	}
}

func seconds(s float64) time.Duration { return time.Duration(s) * time.Second }
