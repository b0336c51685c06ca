// Package policy says which alert may set off what: a file that a person
// writes, read strictly.
//
//	cluster: prod-eu                # alerts of other clusters do nothing
//	cases:                          # the first that matches an alert decides
//	  - match:                      # Alertmanager's matchers; all must match
//	      - signal=~"(nodefs|imagefs)[.](available|inodesFree)"
//	      - stage=~"before|at"
//	    start: 5%                   # headroom below which remedies run
//	    target: 15%                 # headroom at which they stop
//	    ladder:                     # gentlest first
//	      - remedy: log-reclaim
//	        keep: 1                 # a key of that remedy
//	      - remedy: data-migrate
//	        approval: required      # or none: whether a person must approve the plan
//	        disruptive: true        # or false: whether it runs in windows only
//	cooldown: 10m                   # rest after an episode that freed too little; a fifth after one that freed nothing
//	attempts: {count: 3, per: 1h}   # episodes of a case
//	watch: 15m                      # how long a predicted alert is watched
//	recheck: 6h                     # how long after an alert's last delivery the node is looked at
//	budget: {nodes: 1, percent: 10%}  # on how many nodes at once: both hold
//	breaker: {nodes: 20, percent: 25%, within: 5m}  # so many nodes alerting are one broken rule
//	windows: {disruptive: ["Sat 02:00-06:00 Europe/Berlin"]}  # any time where none is given; see Window
//	approval: 1h                    # how long a person's word counts
//
// A rung is disruptive where its remedy says so (remedy.Disrupter), and needs
// approval where it is disruptive, unless its keys say otherwise.
//
// Nothing is guessed: a key, remedy or signal that does not exist, a key given
// twice, a selector that would match every alert are errors, each with its line,
// its field and its value, and all of them at once.
package policy

import (
	"slices"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// What holds where a policy does not say.
const (
	DefaultCooldown = 10 * time.Minute
	DefaultCount    = 3
	DefaultPer      = time.Hour
	DefaultWatch    = 15 * time.Minute
	DefaultRecheck  = 6 * time.Hour
	DefaultApproval = time.Hour
)

// The budget and the breaker that hold where a policy does not say.
var (
	DefaultBudget  = Budget{Nodes: 1, Ratio: 0.10}
	DefaultBreaker = Breaker{Nodes: 20, Ratio: 0.25, Within: 5 * time.Minute}
)

// A Policy is not changed once it was read, and may be used from many
// goroutines.
type Policy struct {
	Cluster  string // "" is whichever
	Cases    []Case // at least one
	Cooldown time.Duration
	Attempts Attempts
	Watch    time.Duration
	Recheck  time.Duration
	Budget   Budget
	Breaker  Breaker
	// Disruptive are the times at which disruptive rungs may run; none is any.
	Disruptive []Window
	Approval   time.Duration
	// Hash identifies what the policy says, in twelve hexadecimal digits. It
	// does not depend on comments, order of keys or ways of writing.
	Hash string
}

// Attempts are how many episodes a case may begin within a time.
type Attempts struct {
	Count int
	Per   time.Duration
}

// A Budget is on how many nodes episodes may run at once: no more than Nodes,
// and no more than Ratio of all nodes, but one at least.
type Budget struct {
	Nodes int
	Ratio float64
}

// A Breaker says how many nodes, or which share of all, must alert within a time
// before that is taken for a broken rule or exporter.
type Breaker struct {
	Nodes  int
	Ratio  float64
	Within time.Duration
}

// A Case is what is done about the alerts it matches.
type Case struct {
	Match labels.Matchers // at least one that an absent label does not match
	// Start and Target are headroom ratios, 0 ≤ Start < Target ≤ 1.
	Start, Target float64
	Ladder        []Rung // at least one
}

// A Rung is a remedy with its configuration.
type Rung struct {
	Remedy remedy.Remedy
	// Approval is whether a person must approve the plan first.
	Approval bool
	// Disruptive is whether it runs in the policy's windows only.
	Disruptive bool
}

// Find returns the first case that matches an alert's labels.
func (p *Policy) Find(alert map[string]string) (*Case, bool) {
	for i := range p.Cases {
		if p.Cases[i].matches(alert) {
			return &p.Cases[i], true
		}
	}
	return nil, false
}

func (c *Case) matches(alert map[string]string) bool {
	for _, m := range c.Match {
		if !m.Matches(alert[m.Name]) {
			return false
		}
	}
	return true
}

// Signals lists the signals that some case may match, in headroom's order.
func (p *Policy) Signals() []headroom.Signal {
	return slices.DeleteFunc(headroom.Signals(), func(s headroom.Signal) bool {
		return !slices.ContainsFunc(p.Cases, func(c Case) bool { return c.Covers(s) })
	})
}

// Covers reports whether the case may match alerts about a signal.
func (c *Case) Covers(s headroom.Signal) bool { return allMatch(c.Match, "signal", string(s)) }

// allMatch reports whether all matchers on a label match a value of it.
func allMatch(ms labels.Matchers, label, value string) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return m.Name == label && !m.Matches(value) })
}
