//go:build e2e

package remedies

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/nodeheadroom/headroom/remediator/remedy"
)

var errNotYet = errors.New("not yet")

// configured is a remedy with keys of a policy.
func configured(p *place, r remedy.Remedy, keys string) remedy.Remedy {
	p.Helper()
	r, err := r.Configure(func(into any) error {
		d := yaml.NewDecoder(strings.NewReader(keys))
		d.KnownFields(true)
		return d.Decode(into)
	})
	p.must(err)
	return r
}
