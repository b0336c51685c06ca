package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// An Alert is what the engine wants to know of an alert that was delivered.
type Alert struct {
	Firing      bool
	Labels      map[string]string
	StartsAt    time.Time
	Fingerprint string
}

// What became of an alert; the values of a metric's label.
const (
	accepted     = "accepted"
	resolved     = "resolved"      // says nothing: the exporter may have died
	noNode       = "no_node"       // names no node
	otherNode    = "other_node"    // names one that is not ours
	otherCluster = "other_cluster" // names another cluster than the policy
	noSignal     = "no_signal"     // names no signal, or one that does not exist
	noPolicy     = "no_policy"     // no case of the policy matches
	// Invalid is for alerts that never got here: too large, or malformed.
	Invalid = "invalid"
)

// maxNodeName is how long a node's name can be (a DNS subdomain, RFC 1123): what is
// longer names none, and is not remembered.
const maxNodeName = 253

var alertOutcomes = []string{accepted, resolved, noNode, otherNode, otherCluster, noSignal, noPolicy, Invalid}

// Receive makes the alerts that concern this node durable before it returns;
// the others it counts. On an error nothing was kept, and the sender should try
// again.
func (e *Engine) Receive(ctx context.Context, alerts []Alert) error {
	counts := make(map[string]int)
	requests := make(map[headroom.Signal]headroom.Request)
	var order []headroom.Signal
	var nodes []string
	for _, a := range alerts {
		signal, outcome := e.judge(a)
		counts[outcome]++
		if outcome == accepted || outcome == otherNode && len(a.Labels["node"]) <= maxNodeName {
			nodes = append(nodes, a.Labels["node"])
		}
		if outcome != accepted {
			e.Logger.Debug("alert is not for us", "outcome", outcome, "alertname", a.Labels["alertname"], "node", a.Labels["node"])
			continue
		}
		if _, ok := requests[signal]; !ok {
			order = append(order, signal)
		}
		now := time.Now()
		requests[signal] = headroom.Request{
			ID:          requestID(now),
			Node:        e.Node.Name,
			Signal:      signal,
			Fingerprint: a.Fingerprint,
			StartsAt:    a.StartsAt,
			Labels:      a.Labels,
			Received:    now,
		}
	}
	// Before a request is there to be acted upon.
	if err := e.stormy(ctx, nodes); err != nil {
		return fmt.Errorf("store: breaker: %w", err)
	}
	if len(order) > 0 {
		rs := make([]headroom.Request, len(order))
		for i, s := range order {
			rs[i] = requests[s]
		}
		if err := e.Store.Request(ctx, rs); err != nil {
			e.Metrics.storeErrors.Inc()
			return fmt.Errorf("store: %w", err)
		}
		e.rouse()
	}
	for outcome, n := range counts {
		e.Metrics.alerts.WithLabelValues(outcome).Add(float64(n))
	}
	return nil
}

// judge says whether an alert is for this node and this policy. It trusts no
// label further than a comparison.
func (e *Engine) judge(a Alert) (headroom.Signal, string) {
	if !a.Firing {
		return "", resolved
	}
	switch n := a.Labels["node"]; {
	case n == "":
		return "", noNode
	case e.Policy.Cluster != "" && a.Labels["cluster"] != e.Policy.Cluster:
		return "", otherCluster
	case n != e.Node.Name:
		return "", otherNode
	}
	signal, err := headroom.ParseSignal(a.Labels["signal"])
	if err != nil {
		return "", noSignal
	}
	if _, ok := e.Policy.Find(a.Labels); !ok {
		return "", noPolicy
	}
	return signal, accepted
}

var requests atomic.Uint64

// requestID is unique on this machine and sorts by time.
func requestID(now time.Time) string {
	return fmt.Sprintf("%s-%d", now.UTC().Format("20060102T150405.000000000"), requests.Add(1))
}
