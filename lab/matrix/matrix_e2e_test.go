//go:build e2e

package main

import (
	"context"
	"fmt"
	"os"
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
			came(t, r, ended[i])
		})
	}
}

// came fails the test unless everybody came through a play.
func came(t *testing.T, r row, one result) {
	t.Helper()
	t.Log(one.short())
	for _, note := range one.Notes {
		t.Log(note)
	}
	if len(one.Lost) > 0 && !one.forbidden() {
		t.Errorf("bystanders are lost: %+v", one.Lost)
	}
	if r.fill.name == quiet.name && (len(one.Acts) > 0 || one.Alert != "") {
		t.Errorf("without a fault there are %+v, %s", one.Acts, one.Alert)
	}
}
