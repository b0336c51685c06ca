package policy

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// maxNodes is how much a policy may say once its aliases are written out. It
// also ends an anchor that contains itself.
const maxNodes = 20_000

// expand writes out the aliases and merge keys (<<) below n, so that nobody
// after it meets one. It returns nil when that gets too long.
func (p *parser) expand(n *yaml.Node, left *int) *yaml.Node {
	if *left--; *left < 0 {
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return p.expand(n.Alias, left)
	}
	written := *n
	written.Content = nil
	var merged []*yaml.Node
	for i, child := range n.Content {
		isValue := n.Kind == yaml.MappingNode && i%2 == 1
		c := p.expand(child, left)
		if c == nil {
			return nil
		}
		if isValue && n.Content[i-1].ShortTag() == "!!merge" {
			written.Content = written.Content[:len(written.Content)-1]
			merged = append(merged, p.mergeable(c)...)
			continue
		}
		written.Content = append(written.Content, c)
	}
	for _, m := range merged {
		for i := 0; i < len(m.Content); i += 2 {
			if _, taken := find(&written, m.Content[i].Value); !taken {
				written.Content = append(written.Content, m.Content[i], m.Content[i+1])
			}
		}
	}
	return &written
}

// mergeable returns the mappings that a merge key names.
func (p *parser) mergeable(n *yaml.Node) []*yaml.Node {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	for _, m := range list {
		if m.Kind != yaml.MappingNode {
			p.refuse(m, "<<", "must be a mapping, or a list of them")
			return nil
		}
	}
	return list
}

// find returns the value of a mapping's key.
func find(mapping *yaml.Node, key string) (*yaml.Node, bool) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1], true
		}
	}
	return nil, false
}

// mapping checks that n is a mapping whose keys are known, once each and with a
// value, and returns the values. Nil is not a mapping.
func (p *parser) mapping(n *yaml.Node, field string, known []string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		p.refuse(n, field, "must be a mapping with the keys %s", strings.Join(known, ", "))
		return nil
	}
	values := make(map[string]*yaml.Node)
	lines := make(map[string]int)
	for i := 0; i < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		name := at(field, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode:
			p.refuse(key, field, "is no key: use one of %s", strings.Join(known, ", "))
		case lines[key.Value] > 0:
			p.refuseKey(key, name, "given twice, first on line %d: keep one", lines[key.Value])
		case !contains(known, key.Value):
			p.refuseKey(key, name, "unknown key: use one of %s", strings.Join(known, ", "))
		case isNull(v):
			p.refuse(v, name, "give one, or remove the key")
		default:
			values[key.Value] = v
		}
		lines[key.Value] = key.Line
	}
	return values
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// at is the path of a key below a field.
func at(field, key string) string {
	if len(key) > 60 {
		key = strings.ToValidUTF8(key[:60], "") + "…"
	}
	if field == "" {
		return key
	}
	return field + "." + key
}

// list checks that n is a list of at least one and at most a number of
// elements.
func (p *parser) list(n *yaml.Node, field, what string, most int) []*yaml.Node {
	switch {
	case n.Kind != yaml.SequenceNode:
		p.refuse(n, field, "must be a list of %s", what)
	case len(n.Content) == 0:
		p.refuse(n, field, "must be a list of %s, with at least one", what)
	case len(n.Content) > most:
		p.refuse(n, field, "has %d %s: at most %d", len(n.Content), what, most)
	default:
		return n.Content
	}
	return nil
}
