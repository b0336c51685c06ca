package product

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Samples are what one scrape has read.
type Samples model.Vector

var client = http.Client{Timeout: 20 * time.Second}

// Scrape reads /metrics at host:port address, with Prometheus's own parser.
func Scrape(ctx context.Context, address string) (Samples, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape %s: %s", address, response.Status)
	}
	return decode(response.Body, expfmt.ResponseFormat(response.Header))
}

func decode(r io.Reader, format expfmt.Format) (Samples, error) {
	decoder := expfmt.SampleDecoder{Dec: expfmt.NewDecoder(r, format), Opts: &expfmt.DecodeOptions{}}
	var all Samples
	for {
		var family model.Vector
		err := decoder.Decode(&family)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, family...)
	}
}

// Of returns the samples of a metric that have all the labels, given as name,
// value, name, value.
func (s Samples) Of(metric string, labels ...string) Samples {
	var found Samples
	for _, sample := range s {
		if sample.Metric[model.MetricNameLabel] == model.LabelValue(metric) && has(sample.Metric, labels) {
			found = append(found, sample)
		}
	}
	return found
}

func has(m model.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if m[model.LabelName(labels[i])] != model.LabelValue(labels[i+1]) {
			return false
		}
	}
	return true
}

// Value returns the value of the one sample that Of finds.
func (s Samples) Value(metric string, labels ...string) (float64, error) {
	found := s.Of(metric, labels...)
	if len(found) != 1 {
		return 0, fmt.Errorf("%d series of %s with %q", len(found), metric, labels)
	}
	return float64(found[0].Value), nil
}

// Series maps every series, as Prometheus writes it, to its value.
func (s Samples) Series() map[string]float64 {
	all := make(map[string]float64, len(s))
	for _, sample := range s {
		all[sample.Metric.String()] = float64(sample.Value)
	}
	return all
}
