package exporter

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// An exposition holds the samples of one scrape in the form in which the encoder
// takes them. It is used again and again: once it has grown to a node's number
// of samples, a scrape allocates next to nothing. Not for concurrent use.
type exposition struct {
	families [metricCount]dto.MetricFamily
	samples  []*sample // those beyond used are spare
	used     int
	out      []*dto.MetricFamily
}

// maxLabels is the most labels that a metric of the table has.
const maxLabels = 6

// A sample is a metric of the encoder's with all that its pointers point to.
type sample struct {
	metric dto.Metric
	gauge  dto.Gauge
	value  float64
	labels [maxLabels]*dto.LabelPair
	pairs  [maxLabels]dto.LabelPair
	values [maxLabels]string
}

func newExposition() *exposition {
	x := &exposition{}
	for i := range x.families {
		x.families[i].Name = &metrics[i].name
		x.families[i].Help = &metrics[i].help
		x.families[i].Type = dto.MetricType_GAUGE.Enum()
	}
	return x
}

func newSample() *sample {
	s := &sample{}
	s.metric.Gauge = &s.gauge
	s.gauge.Value = &s.value
	for i := range s.pairs {
		s.labels[i] = &s.pairs[i]
		s.pairs[i].Value = &s.values[i]
	}
	return s
}

// reset forgets the samples and keeps their space.
func (x *exposition) reset() {
	x.used = 0
	for i := range x.families {
		x.families[i].Metric = x.families[i].Metric[:0]
	}
}

// add adds a sample; labels are the values of the table's labels, in their order.
func (x *exposition) add(i id, value float64, labels ...string) {
	if x.used == len(x.samples) {
		x.samples = append(x.samples, newSample())
	}
	s := x.samples[x.used]
	x.used++
	s.value = value
	for l := range labels {
		s.pairs[l].Name = &metrics[i].labels[l]
		// A mount point is any bytes, and one that is not UTF-8 would spoil the
		// whole scrape.
		s.values[l] = strings.ToValidUTF8(labels[l], "\uFFFD")
	}
	s.metric.Label = s.labels[:len(labels)]
	x.families[i].Metric = append(x.families[i].Metric, &s.metric)
}

// result returns first and then the metrics that have samples, good until reset.
func (x *exposition) result(first []*dto.MetricFamily) []*dto.MetricFamily {
	x.out = append(x.out[:0], first...)
	for i := range x.families {
		if len(x.families[i].Metric) > 0 {
			x.out = append(x.out, &x.families[i])
		}
	}
	return x.out
}
