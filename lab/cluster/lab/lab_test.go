package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

func TestWrongArgumentsSayWhatIsRight(t *testing.T) {
	for args, want := range map[string]string{
		"":                           "which of",
		"upp":                        `"upp": not one of build, up`,
		"up -layout three":           `-layout "three": not one of one, two, xfs`,
		"status -dir /nonexistent/x": "no lab",
	} {
		err := run(t.Context(), strings.Fields(args), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestANodesLineCountsPodsByWhatBecameOfThem(t *testing.T) {
	var ready, evicted, pending cluster.Pod
	ready.Status.Phase = "Running"
	ready.Status.Conditions = []cluster.Condition{{Type: "Ready", Status: "True"}}
	evicted.Status.Phase, evicted.Status.Reason = "Failed", "Evicted"
	pending.Status.Phase = "Pending"
	if got := count([]cluster.Pod{pending, evicted, ready, evicted}); got != "2 Evicted, 1 Pending, 1 ready" {
		t.Errorf("got %s", got)
	}
	if got := count(nil); got != "none" {
		t.Errorf("got %s", got)
	}
	var object cluster.NodeObject
	object.Status.Conditions = []cluster.Condition{{Type: "MemoryPressure", Status: "False"}, {Type: "DiskPressure", Status: "True"}, {Type: "Ready", Status: "True"}}
	if got := conditions(object); got != "DiskPressure+Ready" {
		t.Errorf("got %s", got)
	}
}
