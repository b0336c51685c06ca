package incident

import (
	"time"

	"github.com/prometheus/common/model"
)

// A track is a straight line, and how far each sample was away from it.
type track struct {
	start, slope float64 // value, and value per second
	deviation    []float64
}

// at is the line after so many seconds, and the deviation of the i-th sample.
func (t track) at(seconds float64, i int) float64 {
	return t.start + t.slope*seconds + t.deviation[i%len(t.deviation)]
}

// level is the track of samples that do not go anywhere: their mean.
func level(samples []model.SamplePair) track {
	var t track
	for _, s := range samples {
		t.start += float64(s.Value) / float64(len(samples))
	}
	t.deviate(samples, time.Time{})
	return t
}

// line is the track of samples that rise or fall evenly since begin, by least
// squares.
func line(samples []model.SamplePair, begin time.Time) track {
	n := float64(len(samples))
	var x, y float64 // means
	for _, s := range samples {
		x += s.Timestamp.Time().Sub(begin).Seconds() / n
		y += float64(s.Value) / n
	}
	var xy, xx float64
	for _, s := range samples {
		dx := s.Timestamp.Time().Sub(begin).Seconds() - x
		xy += dx * (float64(s.Value) - y)
		xx += dx * dx
	}
	t := track{start: y}
	if xx > 0 && xy != 0 {
		t.slope = xy / xx
		t.start = y - t.slope*x
	}
	t.deviate(samples, begin)
	return t
}

// deviate notes how far the samples are away from the line.
func (t *track) deviate(samples []model.SamplePair, begin time.Time) {
	for _, s := range samples {
		on := t.start
		if t.slope != 0 {
			on += t.slope * s.Timestamp.Time().Sub(begin).Seconds()
		}
		t.deviation = append(t.deviation, float64(s.Value)-on)
	}
}
