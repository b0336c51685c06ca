//go:build e2e

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// TestMain builds the programs that the lab has no use for before there is no
// network any more.
func TestMain(m *testing.M) {
	if err := tools.Build(context.Background(), theirs, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(cluster.Main(m.Run))
}

// six rows of the matrix, played once: make matrix plays all, thrice. Images are
// not among them, as the policy leaves alone for ten minutes what lies unused.
var six = []row{
	{logs, oneDisk, burst}, {containers, twoDisks, burst}, {journal, oneDisk, burst},
	{small, twoDisks, burst}, {nobody, oneDisk, burst}, {quiet, twoDisks, speed{"", burst.meets}},
}

func TestNoBystanderIsLost(t *testing.T) {
	l, err := openLab(t.Context(), "../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// All at once, which t.Parallel does only on as many processors: most of a play
	// is waiting.
	ended, failed := make([]result, len(six)), make([]error, len(six))
	var group sync.WaitGroup
	for i, r := range six {
		group.Go(func() { ended[i], failed[i] = l.play(t.Context(), r, true, 1) })
	}
	group.Wait()
	for i, r := range six {
		t.Run(r.name(), func(t *testing.T) {
			if failed[i] != nil {
				t.Fatal(failed[i])
			}
			came(t, r, ended[i], l.shipped.start)
		})
	}
}

// came fails the test unless everybody came through a play in which there was
// something to come through.
func came(t *testing.T, r row, one result, start float64) {
	t.Helper()
	t.Log(one.short())
	for _, note := range one.Notes {
		t.Log(note)
		if strings.Contains(note, unwatched) {
			t.Error("it is not known what became of it")
		}
	}
	if len(one.Lost) > 0 && !one.forbidden() {
		t.Errorf("bystanders are lost: %+v", one.Lost)
	}
	acted := slices.ContainsFunc(one.Acts, act.did)
	switch {
	case r.fill.name == quiet.name:
		if len(one.Acts) > 0 || one.Alert != "" {
			t.Errorf("without a fault there are %+v, %s", one.Acts, one.Alert)
		}
	case one.Alert == "", !acted:
		t.Errorf("the alert is %q, and something was done is %t: %+v", one.Alert, acted, one.Acts)
	case one.Least > start+nearly: // it is looked at between two looks of the remediator's
		t.Errorf("headroom was never below %.1f%%, and something is done below %.1f%%", 100*one.Least, 100*start)
	}
}

// nearly is how far above where the remediator acts the lowest headroom may seem that
// was seen.
const nearly = 0.01
