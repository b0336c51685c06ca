package policy

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// maxBudgetNodes is more nodes than a cluster has.
const maxBudgetNodes = 100_000

func (p *parser) budget(n *yaml.Node) Budget {
	b := DefaultBudget
	keys := p.mapping(n, "budget", []string{"nodes", "percent"})
	if v := keys["nodes"]; v != nil {
		b.Nodes = p.whole(v, "budget.nodes", 1, maxBudgetNodes)
	}
	if v := keys["percent"]; v != nil {
		b.Ratio = p.someNodes(v, "budget.percent")
	}
	return b
}

// breaker reads when there are too many alerts. It never opens for one node: a
// single full disk is what the program is there for.
func (p *parser) breaker(n *yaml.Node) Breaker {
	b := DefaultBreaker
	keys := p.mapping(n, "breaker", []string{"nodes", "percent", "within"})
	if v := keys["nodes"]; v != nil {
		b.Nodes = p.whole(v, "breaker.nodes", 2, maxBudgetNodes)
	}
	if v := keys["percent"]; v != nil {
		b.Ratio = p.someNodes(v, "breaker.percent")
	}
	if v := keys["within"]; v != nil {
		b.Within = p.positive(v, "breaker.within")
	}
	return b
}

// someNodes reads a share of all nodes, above 0% and up to 100%, as a ratio.
func (p *parser) someNodes(n *yaml.Node, field string) float64 {
	ratio, ok := p.percent(n, field, "nodes")
	if ok && ratio == 0 {
		p.refuse(n, field, "must be above 0%%")
	}
	return ratio
}

// windows reads the times of disruptive rungs. A list without any is refused: it
// could be meant as never, and would be always.
func (p *parser) windows(n *yaml.Node) []Window {
	keys := p.mapping(n, "windows", []string{"disruptive"})
	v := keys["disruptive"]
	if v == nil {
		return nil
	}
	var all []Window
	for i, line := range p.list(v, "windows.disruptive", "windows", maxWindows) {
		field := fmt.Sprintf("windows.disruptive[%d]", i)
		if line.Kind != yaml.ScalarNode {
			p.refuse(line, field, "must be a window in quotes, such as %q", exampleWindow)
			continue
		}
		w, err := parseWindow(line.Value)
		if err != nil {
			p.refuse(line, field, "%v", err)
		}
		all = append(all, w)
	}
	return all
}

const (
	maxWindows    = 100
	exampleWindow = "Sat 02:00-06:00 Europe/Berlin"
)

// reserved are the keys of a rung that are the policy's and not its remedy's.
var reserved = []string{"remedy", "approval", "disruptive"}

// guards reads the reserved keys of a rung but for the remedy's name. What they
// do not say follows from the remedy: one that pods notice is disruptive, and
// what is disruptive needs approval.
func (p *parser) guards(n *yaml.Node, field string, rung *Rung) {
	_, rung.Disruptive = rung.Remedy.(remedy.Disrupter)
	if v, ok := find(n, "disruptive"); ok {
		rung.Disruptive = p.choice(v, at(field, "disruptive"), "true", "false") == "true"
	}
	rung.Approval = rung.Disruptive
	if v, ok := find(n, "approval"); ok {
		rung.Approval = p.choice(v, at(field, "approval"), "required", "none") == "required"
	}
}

// choice reads one of a few words. No value at all was refused before.
func (p *parser) choice(n *yaml.Node, field string, words ...string) string {
	if !isNull(n) && (n.Kind != yaml.ScalarNode || !slices.Contains(words, n.Value)) {
		p.refuse(n, field, "must be %s", strings.Join(words, " or "))
	}
	return n.Value
}
