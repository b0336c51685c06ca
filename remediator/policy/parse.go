package policy

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// Limits of a policy, far above what anybody would write by hand.
const (
	maxCases    = 1000
	maxMatchers = 100
	maxRungs    = 20 // an episode records each up to nine times
)

// Parse reads a policy that may use these remedies. name stands for the file in
// errors.
func Parse(name string, data []byte, remedies []remedy.Remedy) (*Policy, error) {
	p := &parser{file: name, remedies: remedies}
	root, err := p.document(data)
	if err != nil {
		return nil, err
	}
	policy := p.policy(root)
	if err := p.err(); err != nil {
		return nil, err
	}
	policy.Hash = hash(policy, root)
	return policy, nil
}

// policy reads the root. The result is of use only if there were no problems.
func (p *parser) policy(n *yaml.Node) *Policy {
	policy := &Policy{
		Cooldown: DefaultCooldown, Attempts: Attempts{DefaultCount, DefaultPer}, Watch: DefaultWatch, Recheck: DefaultRecheck,
		Budget: DefaultBudget, Breaker: DefaultBreaker, Approval: DefaultApproval,
	}
	keys := p.mapping(n, "", []string{"cluster", "cases", "cooldown", "attempts", "watch", "recheck", "budget", "breaker", "windows", "approval"})
	if keys == nil {
		return policy
	}
	if v := keys["cluster"]; v != nil {
		policy.Cluster = p.text(v, "cluster")
	}
	if v := keys["cooldown"]; v != nil {
		policy.Cooldown = p.duration(v, "cooldown")
	}
	if v := keys["attempts"]; v != nil {
		policy.Attempts = p.attempts(v)
	}
	if v := keys["watch"]; v != nil {
		policy.Watch = p.positive(v, "watch")
	}
	if v := keys["recheck"]; v != nil {
		policy.Recheck = p.positive(v, "recheck")
	}
	if v := keys["budget"]; v != nil {
		policy.Budget = p.budget(v)
	}
	if v := keys["breaker"]; v != nil {
		policy.Breaker = p.breaker(v)
	}
	if v := keys["windows"]; v != nil {
		policy.Disruptive = p.windows(v)
	}
	if v := keys["approval"]; v != nil {
		policy.Approval = p.positive(v, "approval")
	}
	v := keys["cases"]
	if v == nil {
		p.missing(n, "", "cases", "a policy without one does nothing")
		return policy
	}
	for i, c := range p.list(v, "cases", "cases", maxCases) {
		field := fmt.Sprintf("cases[%d]", i)
		read := p.one(c, field)
		if j := slices.IndexFunc(policy.Cases, func(other Case) bool { return sameMatch(other, read) }); j >= 0 {
			p.refuseKey(c, field+".match", "the same as that of cases[%d], which comes first: remove one", j)
		}
		policy.Cases = append(policy.Cases, read)
	}
	return policy
}

func (p *parser) attempts(n *yaml.Node) Attempts {
	a := Attempts{DefaultCount, DefaultPer}
	keys := p.mapping(n, "attempts", []string{"count", "per"})
	if v := keys["count"]; v != nil {
		a.Count = p.whole(v, "attempts.count", 1, maxCount)
	}
	if v := keys["per"]; v != nil {
		a.Per = p.positive(v, "attempts.per")
	}
	return a
}

// missing notes that a mapping lacks a key, if it does.
func (p *parser) missing(n *yaml.Node, field, key, why string) {
	if _, there := find(n, key); !there {
		p.refuseKey(n, at(field, key), "missing: %s", why)
	}
}

// one reads a case.
func (p *parser) one(n *yaml.Node, field string) Case {
	var c Case
	keys := p.mapping(n, field, []string{"match", "start", "target", "ladder"})
	if keys == nil {
		return c
	}
	p.missing(n, field, "match", "say which alerts it is for")
	p.missing(n, field, "start", "say below which headroom remedies run, such as 5%")
	p.missing(n, field, "target", "say at which headroom remedies stop, such as 15%")
	p.missing(n, field, "ladder", "say which remedies to try, gentlest first")
	if v := keys["match"]; v != nil {
		c.Match = p.match(v, field+".match")
	}
	start, target := keys["start"], keys["target"]
	var startOK, targetOK bool
	if start != nil {
		c.Start, startOK = p.percent(start, field+".start", "capacity")
	}
	if target != nil {
		c.Target, targetOK = p.percent(target, field+".target", "capacity")
	}
	if startOK && targetOK && c.Target <= c.Start {
		p.refuse(target, field+".target", "must be above start (%s)", start.Value)
	}
	if v := keys["ladder"]; v != nil {
		c.Ladder = p.ladder(v, field+".ladder")
	}
	return c
}

// ladder reads rungs and lets each remedy read its own keys.
func (p *parser) ladder(n *yaml.Node, field string) []Rung {
	var rungs []Rung
	for i, r := range p.list(n, field, "remedies", maxRungs) {
		if rung, ok := p.rung(r, fmt.Sprintf("%s[%d]", field, i)); ok {
			rungs = append(rungs, rung)
		}
	}
	return rungs
}

func (p *parser) rung(n *yaml.Node, field string) (Rung, bool) {
	if n.Kind != yaml.MappingNode {
		p.refuse(n, field, "must be a mapping such as {remedy: %s}", p.names()[0])
		return Rung{}, false
	}
	name, ok := find(n, "remedy")
	if !ok {
		p.refuseKey(n, field+".remedy", "missing: use one of %s", strings.Join(p.names(), ", "))
		return Rung{}, false
	}
	i := slices.Index(p.names(), name.Value)
	if i < 0 || name.Kind != yaml.ScalarNode {
		p.refuse(name, field+".remedy", "unknown remedy: use one of %s", strings.Join(p.names(), ", "))
		return Rung{}, false
	}
	configured, ok := p.configure(p.remedies[i], n, field)
	if ok {
		ok = p.agree(configured, n, field)
	}
	rung := Rung{Remedy: configured}
	p.guards(n, field, &rung)
	return rung, ok
}

// agree notes why a rung and one before it would undo what the other has set up.
func (p *parser) agree(r remedy.Remedy, n *yaml.Node, field string) bool {
	if a, ok := r.(remedy.Agreer); ok {
		for _, other := range p.others {
			if err := a.Agrees(other); err != nil {
				p.semantic(n, field, err)
				return false
			}
		}
	}
	p.others = append(p.others, r)
	return true
}

func (p *parser) names() []string {
	names := make([]string, len(p.remedies))
	for i, r := range p.remedies {
		names[i] = r.Name()
	}
	return names
}
