package exporter

import (
	"strconv"
	"strings"
)

// An exposition is the text of some metrics, in Prometheus's text format 0.0.4,
// which every scraper reads. The library's encoder would take each sample as a
// tree of pointers, check it and copy it: this writes it once. It is used again
// and again: once it has grown to a node's number of samples, it allocates
// nothing. Not for concurrent use.
type exposition struct {
	samples [metricCount][]byte // the lines of each metric
	out     []byte
}

// heads holds what stands above the samples of each metric.
var heads = func() (h [metricCount]string) {
	for i, m := range metrics {
		h[i] = "# HELP " + m.name + " " + m.help + "\n# TYPE " + m.name + " " + m.kind + "\n"
	}
	return h
}()

// reset forgets the samples and keeps their space.
func (x *exposition) reset() {
	for i := range x.samples {
		x.samples[i] = x.samples[i][:0]
	}
}

// add adds a sample; labels are the values of the table's labels, in their order.
func (x *exposition) add(m id, value float64, labels ...string) {
	b := append(x.samples[m], metrics[m].name...)
	for l, v := range labels {
		b = append(b, "{,"[min(l, 1)])
		b = append(b, metrics[m].labels[l]...)
		b = append(b, `="`...)
		b = appendEscaped(b, v)
		b = append(b, '"')
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	b = append(b, ' ')
	b = strconv.AppendFloat(b, value, 'g', -1, 64)
	x.samples[m] = append(b, '\n')
}

// appendEscaped appends a label's value. A mount point is any bytes, and one that
// is not UTF-8 would spoil the whole scrape.
func appendEscaped(b []byte, v string) []byte {
	for _, r := range strings.ToValidUTF8(v, "\uFFFD") {
		switch r {
		case '\\':
			b = append(b, `\\`...)
		case '"':
			b = append(b, `\"`...)
		case '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, string(r)...)
		}
	}
	return b
}

// text returns first and then the metrics that have samples, good until the next
// call.
func (x *exposition) text(first []byte) []byte {
	x.out = append(x.out[:0], first...)
	for i, samples := range x.samples {
		if len(samples) > 0 {
			x.out = append(append(x.out, heads[i]...), samples...)
		}
	}
	return x.out
}
