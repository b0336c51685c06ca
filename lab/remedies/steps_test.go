package remedies

import (
	"os"
	"strings"
	"testing"
)

// killed are the steps at which the program is killed on a real node, and with
// which keys its remedy is configured there.
var killed = map[string]string{
	"log-reclaim: renamed":               "keep: 0, truncate: false",
	"log-reclaim: reopened":              "keep: 0, truncate: false",
	"container-prune: container removed": "minAge: 0s",
	"container-prune: log removed":       "minAge: 0s",
	"container-prune: sandbox removed":   "minAge: 0s",
	"image-gc: removed":                  "minAge: 0s",
}

// The list is of steps that are not tried where there is no node.
func TestEachStepThatIsLeftToARealNodeIsKilledThere(t *testing.T) {
	data, err := os.ReadFile("../../remediator/testdata/steps-of-a-runtime")
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, step := range listed {
		if _, ok := killed[step]; !ok {
			t.Errorf("nothing kills the program at %q", step)
		}
	}
	if len(listed) != len(killed) {
		t.Errorf("%d steps are listed, and %d killed here", len(listed), len(killed))
	}
}
