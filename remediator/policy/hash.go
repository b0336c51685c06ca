package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// hash identifies what a policy says. The keys of remedies are taken from the
// file, since a remedy keeps its configuration to itself: a default of theirs
// that is written out makes another hash, which at worst is too careful.
func hash(p *Policy, root *yaml.Node) string {
	type rung struct {
		Keys                 any
		Approval, Disruptive bool
	}
	type hashed struct {
		Match         []string
		Start, Target float64
		Ladder        []rung
	}
	var cases []hashed
	list, _ := find(root, "cases")
	for i, c := range p.Cases {
		ladder, _ := find(list.Content[i], "ladder")
		var rungs []rung
		for j, r := range c.Ladder {
			rungs = append(rungs, rung{remedyKeys(ladder.Content[j]), r.Approval, r.Disruptive})
		}
		cases = append(cases, hashed{sorted(c.Match), c.Start, c.Target, rungs})
	}
	var windows []string
	for _, w := range p.Disruptive {
		windows = append(windows, fmt.Sprint(w.days, w.from, w.to, w.zone))
	}
	slices.Sort(windows)
	// Maps are written in the order of their keys.
	b, err := json.Marshal(map[string]any{
		"cluster": p.Cluster, "cases": cases, "cooldown": p.Cooldown, "attempts": p.Attempts, "watch": p.Watch,
		"recheck": p.Recheck, "budget": p.Budget, "breaker": p.Breaker, "windows": slices.Compact(windows), "approval": p.Approval,
	})
	if err != nil {
		panic(err) // nothing in there can fail: strings and finite numbers
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// remedyKeys are a rung's keys but for those that every rung has.
func remedyKeys(n *yaml.Node) any {
	keys := *n
	keys.Content = nil
	for i := 0; i < len(n.Content); i += 2 {
		if name := n.Content[i].Value; name == "remedy" || !slices.Contains(reserved, name) {
			keys.Content = append(keys.Content, n.Content[i], n.Content[i+1])
		}
	}
	return canonical(&keys)
}

// canonical is a node without lines, comments and quotes.
func canonical(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any)
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = canonical(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, v := range n.Content {
			list[i] = canonical(v)
		}
		return list
	}
	return []string{n.ShortTag(), n.Value}
}
