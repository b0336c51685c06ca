package oracle

import (
	"slices"
	"testing"

	"k8s.io/kubernetes/pkg/kubelet/eviction"
	evictionapi "k8s.io/kubernetes/pkg/kubelet/eviction/api"
)

// The thresholds that a kubelet gives containerfs, from any configuration, in each
// layout.
func TestContainerFSThresholds(t *testing.T) {
	c := compare(t)
	for c.compared < million/4 {
		config, enforced := c.config()
		theirs, refused := eviction.ParseThresholdConfig(enforced, config.Hard, config.Soft, config.SoftGracePeriod, config.MinimumReclaim)
		ours, err := config.Thresholds()
		if refused != nil || err != nil {
			continue // compared elsewhere
		}
		for _, layout := range []struct{ dedicated, split bool }{{false, false}, {true, false}, {true, true}, {false, true}} {
			c.compared++
			// Its error only says that what was configured counts for nothing.
			want, _ := eviction.UpdateContainerFsThresholds(slices.Clone(theirs), layout.dedicated, layout.split)
			want = slices.DeleteFunc(want, inert)
			if len(want) > len(theirs) {
				c.yes++
			}
			if got := ours.WithContainerFS(layout.dedicated, layout.split); !alike(want, got) {
				c.differ("%+v, %+v: the kubelet has %+v, we have %+v", layout, config, want, got)
			}
		}
	}
}

// inert reports whether t was copied from a threshold that is not there: nothing
// meets it.
func inert(t evictionapi.Threshold) bool { return t.Operator == "" }
