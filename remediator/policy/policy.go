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
//	cooldown: 10m                   # from the end of an episode to the next
//	attempts: {count: 3, per: 1h}   # episodes of a case
//	watch: 15m                      # how long a predicted alert is watched
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
)

// A Policy is not changed once it was read, and may be used from many
// goroutines.
type Policy struct {
	Cluster  string // "" is whichever
	Cases    []Case // at least one
	Cooldown time.Duration
	Attempts Attempts
	Watch    time.Duration
	// Hash identifies what the policy says, in twelve hexadecimal digits. It
	// does not depend on comments, order of keys or ways of writing.
	Hash string
}

// Attempts are how many episodes a case may begin within a time.
type Attempts struct {
	Count int
	Per   time.Duration
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
		return !slices.ContainsFunc(p.Cases, func(c Case) bool { return allMatch(c.Match, "signal", string(s)) })
	})
}

// allMatch reports whether all matchers on a label match a value of it.
func allMatch(ms labels.Matchers, label, value string) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return m.Name == label && !m.Matches(value) })
}
