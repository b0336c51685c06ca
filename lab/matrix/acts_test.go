package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
)

func TestEveryRungIsAnActAndOnlyWhatRemovedHasDoneSomething(t *testing.T) {
	began := time.Now()
	removed := headroom.Amount{Bytes: 5, Inodes: 1}
	all, notes := told([]headroom.Case{{Signal: headroom.NodeFSAvailable, Episodes: []headroom.Episode{{
		Phase: headroom.Over, Outcome: headroom.Succeeded,
		Rungs: []headroom.Rung{
			{Remedy: "log-reclaim", Outcome: headroom.RungDone, Removed: &removed, Started: began.Add(2 * time.Second), Notes: []string{"left alone"}},
			{Remedy: "image-gc", Outcome: headroom.RungNothing, Started: began.Add(3 * time.Second)},
			{Remedy: "ballast", Outcome: headroom.RungInterrupted, Started: began.Add(4 * time.Second)},
		},
	}}}}, began)
	want := []act{
		{"log-reclaim", "done", 5, 1, 2},
		{"image-gc", "nothing", 0, 0, 3},
		{"ballast", "interrupted", 0, 0, 4},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
	if got := climbed(&result{Acts: all}); got != "log-reclaim, ballast" {
		t.Errorf("the table names %q", got)
	}
	if len(notes) != 2 {
		t.Errorf("notes: %q", notes)
	}
}
