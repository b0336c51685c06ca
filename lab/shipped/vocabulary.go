package shipped

import (
	"fmt"
	"io"
	"maps"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A Vocabulary has, by metric name and label name, the values that were seen.
// A label whose values cannot be listed (another program's, a recording rule's)
// has none.
type Vocabulary map[string]map[string][]string

// Metric adds a metric with labels of unknown values.
func (v Vocabulary) Metric(name string, labels ...string) {
	for _, l := range labels {
		v.label(name, l, "")
	}
}

// Scrape adds every series of an exposition in the text format, and to each
// the labels of its target.
func (v Vocabulary) Scrape(exposition io.Reader, target ...string) error {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(exposition)
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	for _, f := range families {
		for _, name := range seriesNames(f) {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					v.label(name, l.GetName(), l.GetValue())
				}
			}
			v.Metric(name, target...)
		}
		for _, name := range bucketNames(f) {
			v.Metric(name, "le")
		}
	}
	return nil
}

// seriesNames are the names a family's series are stored under.
func seriesNames(f *dto.MetricFamily) []string {
	name := f.GetName()
	switch f.GetType() {
	case dto.MetricType_HISTOGRAM:
		return []string{name + "_bucket", name + "_sum", name + "_count"}
	case dto.MetricType_SUMMARY:
		return []string{name, name + "_sum", name + "_count"}
	}
	return []string{name}
}

func bucketNames(f *dto.MetricFamily) []string {
	if f.GetType() == dto.MetricType_HISTOGRAM {
		return []string{f.GetName() + "_bucket"}
	}
	return nil
}

// label adds a value; "" says that values are not known.
func (v Vocabulary) label(metric, label, value string) {
	if v[metric] == nil {
		v[metric] = make(map[string][]string)
	}
	values := v[metric][label]
	if value != "" && !slices.Contains(values, value) {
		values = append(values, value)
	}
	v[metric][label] = values
}

// Names lists the metrics, sorted.
func (v Vocabulary) Names() []string { return slices.Sorted(maps.Keys(v)) }
