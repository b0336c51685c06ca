package engine

import (
	"encoding/json"

	headroom "github.com/nodeheadroom/headroom"
)

// maxRecord is how many bytes of JSON a case should have: half of what the
// embedded journal takes. A case that no store takes could never be saved again;
// what trim leaves of one episode (maxRungs, maxText) fits into the other half.
const maxRecord = 128 << 10

// trim makes a case small enough to be saved: the notes of its rungs go first,
// the oldest before the newer, and then its oldest episodes.
func trim(c *headroom.Case) {
	for i := range c.Episodes {
		for j := range c.Episodes[i].Rungs {
			if len(c.Episodes[i].Rungs[j].Notes) == 0 {
				continue
			}
			if fits(c) {
				return
			}
			c.Episodes[i].Rungs[j].Notes = nil
		}
	}
	for len(c.Episodes) > 1 && !fits(c) {
		c.Episodes = c.Episodes[1:]
	}
}

func fits(c *headroom.Case) bool {
	b, err := json.Marshal(c)
	return err != nil || len(b) <= maxRecord // an error is the store's to tell
}
