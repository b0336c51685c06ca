//go:build e2e

package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/disk"
)

// lead is how long before the kubelet did anything the alert fired.
func (i *incident) lead() time.Duration {
	did := i.pressure
	if i.evicted.Before(did) {
		did = i.evicted
	}
	return did.Sub(i.imminent)
}

// A moment is a row of the table.
type moment struct {
	what string
	at   time.Time
}

// report prints the table of the README.
func (i *incident) report(t *testing.T) {
	t.Helper()
	images, err := disk.Stat(i.node.ContainerdRoot())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "nodefs fills up in two minutes; %.0f %% of the image filesystem is free\n\n", 100*float64(images.Available)/float64(images.Capacity))
	rows := []moment{
		{"the fill begins", i.began},
		{"HeadroomEvictionImminent fires", i.imminent},
		{"the threshold is met", i.met},
		{"HeadroomThresholdMet fires", i.said},
		{"DiskPressure is up", i.pressure},
		{"the first pod is evicted", i.evicted},
	}
	slices.SortFunc(rows, func(a, b moment) int { return a.at.Compare(b.at) })
	for _, row := range rows {
		fmt.Fprintf(&b, "%-32s %6.1f s\n", row.what, row.at.Sub(i.began).Seconds())
	}
	fmt.Fprintf(&b, "\n%.0f s ahead of the kubelet. Of a Deployment of %d, %d pods were evicted, and %d refused that were to replace them.\n",
		i.lead().Seconds(), replicas, i.pods, i.refused)
	t.Logf("\n%s", b.String())
}
