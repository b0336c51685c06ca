package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nodeheadroom/headroom"
)

// summaryPath is where a kubelet serves the figures it decides by. Reading it
// needs "get" on nodes/stats.
const summaryPath = "/stats/summary"

// maxSummary bounds a summary, of which a container takes two kilobytes.
const maxSummary = 16 << 20

// A Summary is what a kubelet says of its node.
type Summary struct {
	// Readings are those of which the kubelet tells both numbers, with the time it
	// gives them, in whole seconds. That of an image filesystem is the runtime's
	// own, not that of its statfs.
	Readings []headroom.Reading
	// Consumers are in no order; no two differ in Used alone.
	Consumers []headroom.Consumer
}

func (c *client) summary(ctx context.Context) (*Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := c.get(ctx, summaryPath)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	s, err := ParseSummary(&bounded{answer.Body, maxSummary})
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w", c.base, summaryPath, err)
	}
	return s, nil
}

// ParseSummary reads a kubelet's answer to /stats/summary to its end
// (k8s.io/kubelet/pkg/apis/stats/v1alpha1):
//
//	{"node":{"memory":{…},"fs":{…},"runtime":{…},…},"pods":[{"podRef":{…},…},…]}
//
// A field that is missing is unknown; one of another type is an error.
func ParseSummary(r io.Reader) (*Summary, error) {
	s := newScanner(r)
	var node *nodeStats
	var pods []podStats
	s.object(func(name []byte) {
		switch string(name) {
		case "node":
			if !s.null() {
				node = s.nodeStats()
			}
		case "pods":
			s.array(func() { pods = append(pods, s.podStats()) })
		default:
			s.skip()
		}
	})
	s.finish()
	if s.err != nil {
		return nil, fmt.Errorf("not a kubelet's summary: %w", s.err)
	}
	if node == nil {
		return nil, errors.New(`not a kubelet's summary: "node" is missing`)
	}
	return &Summary{node.readings(), consumers(node, pods)}, nil
}
