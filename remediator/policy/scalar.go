package policy

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"
)

// text reads a word.
func (p *parser) text(n *yaml.Node, field string) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		p.refuse(n, field, "must be a word: give one, or remove the key")
	}
	return n.Value
}

// percentage is deliberately narrow: ParseFloat also takes NaN, Inf, signs and
// hexadecimal.
var percentage = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)%$`)

// percent reads a share of something from 0% to 100% as a ratio.
func (p *parser) percent(n *yaml.Node, field, of string) (ratio float64, ok bool) {
	m := percentage.FindStringSubmatch(n.Value)
	switch {
	case n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "-"):
		p.refuse(n, field, "must not be negative: give a percentage of %s such as 5%%", of)
		return 0, false
	case n.Kind != yaml.ScalarNode || m == nil:
		p.refuse(n, field, "must be a percentage of %s such as 5%%", of)
		return 0, false
	}
	// Out of range is +Inf, and refused below.
	f, _ := strconv.ParseFloat(m[1], 64)
	if f > 100 {
		p.refuse(n, field, "must be at most 100%%")
		return 0, false
	}
	return f / 100, true
}

// duration reads a time as Prometheus writes it; 0 is one.
func (p *parser) duration(n *yaml.Node, field string) time.Duration {
	d, err := model.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		p.refuse(n, field, "must be a duration such as 10m, 1h30m or 1d")
	}
	return time.Duration(d)
}

// positive reads a duration above 0.
func (p *parser) positive(n *yaml.Node, field string) time.Duration {
	before := len(p.problems)
	d := p.duration(n, field)
	if d <= 0 && len(p.problems) == before {
		p.refuse(n, field, "must be above 0")
	}
	return d
}

// maxCount is how many attempts may be counted: a case keeps the moment of each.
const maxCount = 100

// whole reads a whole number within limits.
func (p *parser) whole(n *yaml.Node, field string, least, most int) int {
	var i int
	if n.ShortTag() != "!!int" || n.Decode(&i) != nil || i < least || i > most {
		p.refuse(n, field, "must be a whole number from %d to %d", least, most)
	}
	return i
}
