//go:build e2e

package remedies

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// TestImagesBesideTheBareCalls prints what image-gc takes for small images, beside
// nothing but the calls that remove as many: what it costs to look again before
// each removal and at the disk after it. Small ones, because what is removed costs
// both the same.
func TestImagesBesideTheBareCalls(t *testing.T) {
	p := newPlace(t)
	p.publish(1, "web:1")
	p.run("web", "web:1") // a sandbox, without which nobody knows what new ones need
	const images, rounds = 20, 3
	for round := range rounds {
		var ids []string
		pull := func(whose string) {
			for i := range images {
				p.pull(1, fmt.Sprintf("%s-%d-%d:1", whose, round, i))
			}
		}
		pull("ours")
		began := time.Now()
		y := p.prepare(configured(p, remedy.ImageGC{}, gc), 1<<40)
		planned := time.Since(began)
		y.apply()
		ours := time.Since(began)
		if len(y.removed) != images {
			t.Fatalf("removed %d images, want %d", len(y.removed), images)
		}

		pull("bare")
		all, err := p.runtime.Images(t.Context())
		p.must(err)
		for _, image := range all {
			if slices.ContainsFunc(image.Tags, func(name string) bool { return strings.HasPrefix(name, p.tag("bare-")) }) {
				ids = append(ids, image.ID)
			}
		}
		if len(ids) != images {
			t.Fatalf("%d images to remove, want %d", len(ids), images)
		}
		began = time.Now()
		for _, id := range ids {
			p.must(p.runtime.RemoveImage(t.Context(), id))
		}
		bare := time.Since(began)
		t.Logf("%d images: image-gc %v, of which plan %v; the bare calls %v; ratio %.2f", images, ours, planned, bare, ours.Seconds()/bare.Seconds())
	}
	p.pods()
}
