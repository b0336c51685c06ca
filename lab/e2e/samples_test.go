//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/nodeheadroom/headroom"
)

// samples are a scrape's values by series, written as Prometheus writes them:
// name{label="value", …}, labels in order.
type samples map[string]float64

// decode reads an exposition with Prometheus's own parser.
func decode(r io.Reader, header http.Header) (samples, error) {
	d := &expfmt.SampleDecoder{Dec: expfmt.NewDecoder(r, expfmt.ResponseFormat(header)), Opts: &expfmt.DecodeOptions{}}
	all := make(samples)
	for {
		var v model.Vector
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		for _, s := range v {
			key := s.Metric.String()
			if _, twice := all[key]; twice {
				return nil, fmt.Errorf("%s is there twice", key)
			}
			all[key] = float64(s.Value)
		}
	}
}

// series writes a series: its name, then label, value, label, value.
func series(name string, labels ...string) string {
	m := model.Metric{model.MetricNameLabel: model.LabelValue(name)}
	for i := 0; i < len(labels); i += 2 {
		m[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
	}
	return m.String()
}

// get returns a series' value, and an error where it is not there.
func (s samples) get(name string, labels ...string) (float64, error) {
	key := series(name, labels...)
	value, ok := s[key]
	if !ok {
		return 0, fmt.Errorf("there is no %s", key)
	}
	return value, nil
}

// want returns an error unless a series has the value.
func (s samples) want(value float64, name string, labels ...string) error {
	got, err := s.get(name, labels...)
	if err == nil && got != value {
		err = fmt.Errorf("%s is %v, want %v", series(name, labels...), got, value)
	}
	return err
}

// of returns the series of a metric.
func (s samples) of(name string) samples {
	found := make(samples)
	for key, value := range s {
		if key == name || strings.HasPrefix(key, name+"{") {
			found[key] = value
		}
	}
	return found
}

// String writes the samples line by line, in order.
func (s samples) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%s %v\n", key, s[key])
	}
	return b.String()
}

// reading returns what is shown of a signal.
func (s samples) reading(signal headroom.Signal) (headroom.Reading, error) {
	unit := string(signal.Unit())
	available, err := s.get("headroom_signal_available_"+unit, "signal", string(signal))
	if err != nil {
		return headroom.Reading{}, err
	}
	capacity, err := s.get("headroom_signal_capacity_"+unit, "signal", string(signal))
	// Below 2^53 a float64 is an integer to the byte.
	return headroom.Reading{Signal: signal, Available: int64(available), Capacity: int64(capacity)}, err
}
