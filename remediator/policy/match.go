package policy

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
	"gopkg.in/yaml.v3"

	headroom "github.com/nodeheadroom/headroom"
)

// A vocabulary is a label whose values are known, so that a slip of the pen in a
// matcher is found before the night it is needed.
type vocabulary struct {
	label string
	// values are those that a matcher may ask for, known those it may exclude.
	values, known []string
	absent        bool // whether an alert may do without the label
}

var vocabularies = []vocabulary{
	{label: "signal", values: signals(), known: signals()},
	// Alerts of the other stages do not come here.
	{label: "stage", values: []string{"before", "at"}, known: []string{"before", "at", "after", "blind"}, absent: true},
	{label: "filesystem", values: filesystems(), known: filesystems(), absent: true},
}

func signals() []string {
	var names []string
	for _, s := range headroom.Signals() {
		names = append(names, string(s))
	}
	return names
}

func filesystems() []string {
	var names []string
	for _, f := range headroom.Filesystems {
		names = append(names, string(f))
	}
	return names
}

// match reads a list of matchers, as in an Alertmanager route.
func (p *parser) match(n *yaml.Node, field string) labels.Matchers {
	before := len(p.problems)
	var all labels.Matchers
	for i, m := range p.list(n, field, "matchers", maxMatchers) {
		all = append(all, p.matchers(m, fmt.Sprintf("%s[%d]", field, i))...)
	}
	if len(p.problems) > before {
		return nil
	}
	if !slices.ContainsFunc(all, func(m *labels.Matcher) bool { return !m.Matches("") }) {
		p.note(n, field, all.String(), `would match almost any alert: at least one matcher must ask for a value, such as signal="nodefs.available"`)
		return nil
	}
	for _, v := range vocabularies {
		if !v.possible(all) {
			p.note(n, field, all.String(), fmt.Sprintf("no %s matches all of these", v.label))
		}
	}
	return all
}

// matchers reads one line of matchers; usually one.
func (p *parser) matchers(n *yaml.Node, field string) labels.Matchers {
	if n.Kind != yaml.ScalarNode {
		p.refuse(n, field, `must be a matcher in quotes, such as 'signal="nodefs.available"'`)
		return nil
	}
	ms, err := parse.Matchers(n.Value)
	switch {
	case err != nil:
		p.refuse(n, field, `not a matcher: %v: write one as in Alertmanager, such as signal="nodefs.available"`, err)
		return nil
	case len(ms) == 0:
		p.refuse(n, field, "empty: it would match every alert")
		return nil
	}
	for _, m := range ms {
		for _, v := range vocabularies {
			if wrong := v.wrong(m); wrong != "" {
				p.refuse(n, field, "%s", wrong)
			}
		}
	}
	return ms
}

// wrong says why a matcher can do nothing, or "".
func (v vocabulary) wrong(m *labels.Matcher) string {
	if m.Name != v.label {
		return ""
	}
	if m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp {
		if slices.ContainsFunc(v.values, m.Matches) || v.absent && m.Matches("") {
			return ""
		}
		return fmt.Sprintf("matches no %s: use one of %s", v.label, strings.Join(v.values, ", "))
	}
	if !m.Matches("") || slices.ContainsFunc(v.known, func(value string) bool { return !m.Matches(value) }) {
		return ""
	}
	return fmt.Sprintf("excludes no %s: use one of %s", v.label, strings.Join(v.known, ", "))
}

// possible reports whether some value gets past all matchers on the label.
func (v vocabulary) possible(ms labels.Matchers) bool {
	return v.absent && allMatch(ms, v.label, "") ||
		slices.ContainsFunc(v.values, func(value string) bool { return allMatch(ms, v.label, value) })
}

// sameMatch reports whether two cases match the same alerts, as far as spelling
// tells.
func sameMatch(a, b Case) bool {
	return len(a.Match) > 0 && slices.Equal(sorted(a.Match), sorted(b.Match))
}

// sorted writes matchers in an order of their own.
func sorted(ms labels.Matchers) []string {
	written := make([]string, len(ms))
	for i, m := range ms {
		written[i] = m.String()
	}
	sort.Strings(written)
	return slices.Compact(written)
}
