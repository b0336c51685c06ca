package incident

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/nodeheadroom/headroom/lab/promtool"
)

// A Fall is what was scraped of an exporter while its disk was quiet and then
// filled up evenly.
type Fall struct {
	Begin, Met time.Time // of the fill; when the threshold was met
	Recording  model.Matrix
}

// A Plan is the same fall at another pace.
type Plan struct {
	Quiet  time.Duration // before it
	Takes  time.Duration // from its first byte to the threshold
	Scrape time.Duration // interval
	Late   time.Duration // the first scrape, and so each one, against the rules' clock
	From   time.Duration // what comes before is left out
}

// met is when the threshold is met, by the clock of the trace.
func (p Plan) met() time.Duration { return p.Quiet + p.Takes - p.From }

// step is the interval of the values of a trace: scrapes that are late by a
// fraction of theirs have gaps between them.
func (p Plan) step() time.Duration {
	if p.Late == 0 {
		return p.Scrape
	}
	return time.Second
}

// Stretch returns the recorded series as scrapes would have read them had the fall
// gone by plan, up to the threshold. A sample is the line through the recorded
// fall, at the pace of the plan, and what a recorded sample was away from that
// line: the deviations come in the order in which they were recorded, one a
// scrape, over and over. The noise of the real disk stays as large and as fast
// as it was; only the fall is slower. The quiet before is played likewise.
func (f Fall) Stretch(p Plan) []promtool.Series {
	var all []promtool.Series
	for _, recorded := range f.Recording {
		before, during := f.tracks(recorded)
		if len(before.deviation) == 0 || len(during.deviation) == 0 {
			continue // it began or ended meanwhile
		}
		all = append(all, promtool.Series{Name: recorded.Metric.String(), Values: f.values(before, during, p)})
	}
	return all
}

// tracks splits a series at the beginning of the fall.
func (f Fall) tracks(recorded *model.SampleStream) (before, during track) {
	var quiet, falling []model.SamplePair
	for _, s := range recorded.Values {
		switch at := s.Timestamp.Time(); {
		case at.Before(f.Begin):
			quiet = append(quiet, s)
		case at.Before(f.Met):
			falling = append(falling, s)
		}
	}
	return level(quiet), line(falling, f.Begin)
}

// values writes a series, one value every step; most steps of a late plan have
// none.
func (f Fall) values(before, during track, p Plan) string {
	var b strings.Builder
	pace := float64(f.Met.Sub(f.Begin)) / float64(p.Takes)
	for i, at := 0, p.Late; at < p.Quiet+p.Takes; i, at = i+1, at+p.Scrape {
		if at < p.From {
			continue
		}
		if b.Len() == 0 {
			gap(&b, int((at-p.From)/p.step()))
		} else {
			gap(&b, int(p.Scrape/p.step())-1)
		}
		value := before.at(0, i)
		if at >= p.Quiet {
			value = during.at((at-p.Quiet).Seconds()*pace, i)
		}
		fmt.Fprintf(&b, "%g ", value)
	}
	return b.String()
}

// gap writes steps without a sample.
func gap(b *strings.Builder, steps int) {
	if steps > 0 {
		fmt.Fprintf(b, "_x%d ", steps)
	}
}
