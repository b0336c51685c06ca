package kubelet

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// metricsPath is where a kubelet serves its metrics. Reading it needs "get" on
// nodes/metrics.
const metricsPath = "/metrics"

// maxMetrics bounds a kubelet's metrics, of which it has some hundred kilobytes.
const maxMetrics = 16 << 20

// maxEvictionSignals bounds what a kubelet may have evicted for: there are twelve.
const maxEvictionSignals = 64

// Metrics are what is taken from those of a kubelet.
type Metrics struct {
	// Version is the running kubelet's ("v1.37.2").
	Version string
	// Evictions counts the pods that the kubelet has evicted since it started, by
	// eviction_signal: signals, and the limits of single pods such as
	// ephemeralpodfs.limit. Nil where it has evicted none yet.
	Evictions map[string]int64
}

func (c *client) metrics(ctx context.Context) (Metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := c.get(ctx, metricsPath)
	if err != nil {
		return Metrics{}, err
	}
	defer answer.Body.Close()
	m, err := parseMetrics(&bounded{answer.Body, maxMetrics})
	if err != nil {
		return Metrics{}, fmt.Errorf("%s%s: %w", c.base, metricsPath, err)
	}
	return m, nil
}

// askVersion asks the running kubelet for its version; /configz does not tell.
func (c *client) askVersion(ctx context.Context) (string, error) {
	m, err := c.metrics(ctx)
	return m.Version, err
}

// parseMetrics reads Prometheus's text format line by line and keeps none of it
// but two families:
//
//	kubelet_evictions{eviction_signal="nodefs.available"} 3
//	kubernetes_build_info{build_date="…",git_version="v1.37.2",…} 1
func parseMetrics(r io.Reader) (Metrics, error) {
	var m Metrics
	lines := bufio.NewReaderSize(r, 16<<10)
	for {
		line, err := lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // none of ours is that long
			line = nil
			_, err = lines.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) { // without its end a line may be half of one
			break
		}
		if err != nil {
			return Metrics{}, err
		}
		if err := m.take(line); err != nil {
			return Metrics{}, fmt.Errorf("%.200s: %w", bytes.TrimSpace(line), err)
		}
	}
	if m.Version == "" {
		return Metrics{}, errors.New("not a kubelet's metrics: no kubernetes_build_info with a git_version")
	}
	return m, nil
}

// take takes what a line says, if it is one of the two.
func (m *Metrics) take(line []byte) error {
	if rest, ok := cutName(line, "kubernetes_build_info"); ok {
		labels, _, err := parseSample(rest)
		if err != nil {
			return err
		}
		// Old kubelets call it gitVersion.
		m.Version = cmp.Or(m.Version, labels["git_version"], labels["gitVersion"])
		return nil
	}
	rest, ok := cutName(line, "kubelet_evictions")
	if !ok {
		return nil
	}
	labels, value, err := parseSample(rest)
	if err != nil {
		return err
	}
	if !(value >= 0 && value < math.MaxInt64) {
		return fmt.Errorf("%g is no number of pods", value)
	}
	// Two names that are shown alike are one.
	signal := strings.ToValidUTF8(labels["eviction_signal"], "\uFFFD")
	if signal == "" {
		return errors.New("kubelet_evictions: no eviction_signal")
	}
	if m.Evictions == nil {
		m.Evictions = make(map[string]int64)
	}
	counted, known := m.Evictions[signal]
	if !known && len(m.Evictions) == maxEvictionSignals {
		return fmt.Errorf("kubelet_evictions: more than %d signals", maxEvictionSignals)
	}
	m.Evictions[signal] = int64(min(float64(counted)+value, 1<<62))
	return nil
}
