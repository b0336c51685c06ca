package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"gopkg.in/yaml.v3"
)

// hash identifies what a policy says. Rungs are taken from the file, since a
// remedy keeps its configuration to itself: a default that is written out makes
// another hash, which at worst is too careful.
func hash(p *Policy, root *yaml.Node) string {
	type hashed struct {
		Match         []string
		Start, Target float64
		Ladder        any
	}
	var cases []hashed
	list, _ := find(root, "cases")
	for i, c := range p.Cases {
		ladder, _ := find(list.Content[i], "ladder")
		cases = append(cases, hashed{sorted(c.Match), c.Start, c.Target, canonical(ladder)})
	}
	// Maps are written in the order of their keys.
	b, err := json.Marshal(map[string]any{
		"cluster": p.Cluster, "cases": cases, "cooldown": p.Cooldown, "attempts": p.Attempts, "watch": p.Watch,
	})
	if err != nil {
		panic(err) // nothing in there can fail: strings and finite numbers
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
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
