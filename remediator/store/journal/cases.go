package journal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/nodeheadroom/headroom"
)

// cases decodes entries and joins each case with its newest requests, sorted by
// node and signal. A request without a case yields an empty one; the control is
// passed over.
func cases(es []entry) ([]headroom.Case, error) {
	type id struct {
		node   string
		signal headroom.Signal
	}
	var requests []*headroom.Request
	byID := map[id]*headroom.Case{}
	for _, e := range es {
		w, err := decode(e.raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.key, err)
		}
		switch at := (id{e.key.node, e.key.signal}); {
		case w.Case != nil:
			byID[at] = w.Case
		case w.Request != nil:
			requests = append(requests, w.Request)
		}
	}
	for _, r := range requests {
		c := byID[id{r.Node, r.Signal}]
		if c == nil {
			c = &headroom.Case{Node: r.Node, Signal: r.Signal}
			byID[id{r.Node, r.Signal}] = c
		}
		if r.By != "" {
			c.Asked = r
		} else {
			c.Request = r
		}
	}
	all := make([]headroom.Case, 0, len(byID))
	for _, c := range slices.Collect(maps.Values(byID)) {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b headroom.Case) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Signal, b.Signal))
	})
	return all, nil
}
