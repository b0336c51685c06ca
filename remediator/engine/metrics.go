package engine

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	headroom "github.com/nodeheadroom/headroom"
)

// Metrics are what an engine counts. Known label values start at 0, so that
// the first event of each kind is seen as an increase.
type Metrics struct {
	alerts        *prometheus.CounterVec
	phases        *prometheus.GaugeVec
	episodes      *prometheus.CounterVec
	rungs         *prometheus.CounterVec
	bytes, inodes *prometheus.CounterVec
	firstFreed    *prometheus.HistogramVec
	targetReached *prometheus.HistogramVec
	refusals      *prometheus.CounterVec
	pending       prometheus.Gauge
	dryRun        prometheus.Gauge
	storeErrors   prometheus.Counter
	auditLost     prometheus.Counter
	waiting       *prometheus.GaugeVec
	escalated     *prometheus.GaugeVec
	breakerOpen   prometheus.Gauge
	paused        prometheus.Gauge
}

// NewMetrics registers an engine's metrics for a node and the signals and
// remedies that its policy names.
func NewMetrics(r prometheus.Registerer, node string, signals []headroom.Signal, remedies []string, dryRun bool) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "headroom_remediation_" + name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "headroom_remediation_" + name, Help: help,
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900},
		}, []string{"node", "signal"})
		r.MustRegister(h)
		return h
	}
	single := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "headroom_remediation_" + name, Help: help})
		r.MustRegister(g)
		return g
	}
	m := &Metrics{
		alerts:        counter("alerts_total", "Alerts delivered, by what became of them.", "outcome"),
		episodes:      counter("episodes_total", "Episodes that are over, by outcome.", "node", "signal", "outcome"),
		rungs:         counter("rungs_total", "Rungs that are over, by remedy and outcome.", "node", "signal", "remedy", "outcome"),
		bytes:         counter("removed_bytes_total", "Bytes of disk space that remedies say they removed.", "node", "signal", "remedy"),
		inodes:        counter("removed_inodes_total", "Inodes that remedies say they removed.", "node", "signal", "remedy"),
		refusals:      counter("gate_refusals_total", "Times a gate made an episode wait, by reason.", "node", "signal", "reason"),
		firstFreed:    histogram("first_freed_seconds", "Time from an alert's arrival until the first thing was removed."),
		targetReached: histogram("target_reached_seconds", "Time from an alert's arrival until headroom reached the target."),
		pending:       single("requests_pending", "Requests that no episode has answered yet."),
		dryRun:        single("dry_run", "1 while nothing is applied, only planned."),
		phases:        prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "headroom_remediation_episodes", Help: "1 while a case's episode is in that phase."}, []string{"node", "signal", "phase"}),
		breakerOpen:   single("breaker_open", "1 while nothing is done because too many nodes alert at once."),
		paused:        single("paused", "1 while nothing is done because a person said so."),
		waiting:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "headroom_remediation_waiting", Help: "1 while a case's episode waits for that reason."}, []string{"node", "signal", "reason"}),
		escalated:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "headroom_remediation_escalated", Help: "1 after an episode that did not reach its target, until the node is read at or above it, another episode succeeds or a person cancels one."}, []string{"node", "signal"}),
		storeErrors:   prometheus.NewCounter(prometheus.CounterOpts{Name: "headroom_remediation_journal_errors_total", Help: "Writes of requests or cases that failed."}),
		auditLost:     prometheus.NewCounter(prometheus.CounterOpts{Name: "headroom_remediation_audit_lost_total", Help: "Lines of the audit list that could not be written."}),
	}
	r.MustRegister(m.phases, m.storeErrors, m.auditLost, m.waiting, m.escalated)
	if dryRun {
		m.dryRun.Set(1)
	}
	m.zero(node, signals, remedies)
	return m
}

func (m *Metrics) zero(node string, signals []headroom.Signal, remedies []string) {
	for _, o := range alertOutcomes {
		m.alerts.WithLabelValues(o)
	}
	for _, signal := range signals {
		s := string(signal)
		for _, phase := range []headroom.Phase{headroom.Waiting, headroom.Running} {
			m.phases.WithLabelValues(node, s, lower(phase))
		}
		for _, o := range headroom.Outcomes {
			m.episodes.WithLabelValues(node, s, string(o))
		}
		m.escalated.WithLabelValues(node, s)
		for _, reason := range headroom.Reasons {
			m.waiting.WithLabelValues(node, s, string(reason))
			m.refusals.WithLabelValues(node, s, string(reason))
		}
		for _, remedy := range remedies {
			m.bytes.WithLabelValues(node, s, remedy)
			m.inodes.WithLabelValues(node, s, remedy)
			for _, o := range headroom.RungOutcomes {
				m.rungs.WithLabelValues(node, s, remedy, string(o))
			}
		}
		m.firstFreed.WithLabelValues(node, s)
		m.targetReached.WithLabelValues(node, s)
	}
}

// Refused counts alerts that were turned away before they reached Receive.
func (m *Metrics) Refused(alerts int) { m.alerts.WithLabelValues(Invalid).Add(float64(alerts)) }

// LostAudit counts lines of the audit list that could not be written.
func (m *Metrics) LostAudit(lines int) { m.auditLost.Add(float64(lines)) }

// phase says where a case stands.
func (m *Metrics) phase(c *headroom.Case) {
	m.escalated.WithLabelValues(c.Node, string(c.Signal)).Set(number(givenUp(c) != nil))
	for _, reason := range headroom.Reasons {
		ep := c.Open()
		m.waiting.WithLabelValues(c.Node, string(c.Signal), string(reason)).Set(number(ep != nil && ep.Phase == headroom.Waiting && ep.Reason == reason))
	}
	for _, p := range []headroom.Phase{headroom.Waiting, headroom.Running} {
		v := 0.0
		if ep := c.Open(); ep != nil && ep.Phase == p {
			v = 1
		}
		m.phases.WithLabelValues(c.Node, string(c.Signal), lower(p)).Set(v)
	}
}

func (m *Metrics) rung(c *headroom.Case, r headroom.Rung) {
	m.rungs.WithLabelValues(c.Node, string(c.Signal), r.Remedy, string(r.Outcome)).Inc()
	if r.Removed != nil {
		m.bytes.WithLabelValues(c.Node, string(c.Signal), r.Remedy).Add(float64(r.Removed.Bytes))
		m.inodes.WithLabelValues(c.Node, string(c.Signal), r.Remedy).Add(float64(r.Removed.Inodes))
	}
}

// freed observes the time to the first freed byte, once per episode.
func (m *Metrics) freed(c *headroom.Case, ep *headroom.Episode) {
	last := ep.Rungs[len(ep.Rungs)-1]
	if last.FirstFreed.IsZero() {
		return
	}
	for _, r := range ep.Rungs[:len(ep.Rungs)-1] {
		if !r.FirstFreed.IsZero() {
			return
		}
	}
	m.firstFreed.WithLabelValues(c.Node, string(c.Signal)).Observe(last.FirstFreed.Sub(ep.Request.Received).Seconds())
}

func (m *Metrics) episode(c *headroom.Case, ep *headroom.Episode) {
	m.episodes.WithLabelValues(c.Node, string(c.Signal), string(ep.Outcome)).Inc()
	if ep.Outcome == headroom.Succeeded {
		m.targetReached.WithLabelValues(c.Node, string(c.Signal)).Observe(ep.Ended.Sub(ep.Request.Received).Seconds())
	}
}

func lower(p headroom.Phase) string { return strings.ToLower(string(p)) }
