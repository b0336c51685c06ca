package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
)

// A record grows while it is read, and everything in it is told once.
func TestTheRecordIsToldOnceAndAsItGrows(t *testing.T) {
	began := time.Now().Add(-200 * time.Second) // only that it waits has no time in the record
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	var out bytes.Buffer
	line := newTimeline(newScreen(&out), began)
	told := account{short: func(s string) string { return strings.ReplaceAll(s, "/long/way/", "") }}
	state := func(seconds, ratio float64) *headroom.State {
		return &headroom.State{Available: int64(1000 * mib * (ratio + 0.15)), Capacity: 1000 * mib, Threshold: 150 * mib, Ratio: ratio, At: at(seconds)}
	}

	c := &headroom.Case{}
	steps := []func(){
		func() {},
		func() { c.Request = &headroom.Request{ID: "r1", Received: at(80)} },
		func() {
			c.Episodes = []headroom.Episode{{ID: "e1", Phase: headroom.Waiting, Reason: headroom.Watching, Detail: "runs below 5%", Start: 0.05, Target: 0.15}}
		},
		func() {
			e := c.Last()
			e.Phase, e.Reason, e.Started, e.Before = headroom.Running, "", at(90), state(90, 0.04)
			e.Rungs = []headroom.Rung{{Remedy: "log-reclaim", Started: at(90)}}
		},
		func() {
			r := &c.Last().Rungs[0]
			r.Outcome, r.FirstFreed, r.Ended = headroom.RungDone, at(90.01), at(92)
			r.Removed, r.Before, r.After = &headroom.Amount{Bytes: 120 * mib}, state(90, 0.04), state(92, 0.155)
			r.Notes = []string{"left alone: /long/way/ledger/0.log"}
		},
		func() { e := c.Last(); e.Phase, e.Outcome, e.Ended = headroom.Over, headroom.Succeeded, at(92) },
	}
	for _, step := range steps {
		step()
		told.tell(line, c)
		told.tell(line, c) // nothing is new the second time
	}
	line.flush(time.Now().Add(time.Hour))
	want := []string{
		"delivered", "start crossed", "episode begins", "first freed", "rung done",
		"left alone: ledger/0.log", "episode over     Succeeded", "waits            watching: runs below 5%",
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), out.String())
	}
	for i := range want {
		if !strings.Contains(lines[i], want[i]) {
			t.Errorf("line %d is %q, want %q in it", i, lines[i], want[i])
		}
	}
	for _, m := range []moment{delivered, crossed, freed, climbed} {
		if !line.has(m) {
			t.Errorf("%q has not happened", m)
		}
	}
}

func TestWhatChangedOnTheDiskIsTold(t *testing.T) {
	before := map[uint64]logFile{1: {"b", 100}, 2: {"a", 200}, 3: {"c", 4000}, 4: {"d", 50}}
	after := map[uint64]logFile{3: {"c", 0}, 4: {"renamed", 60}, 5: {"new", 10}}
	var got []string
	for _, c := range compare(before, after) {
		got = append(got, c.what+" "+c.path)
	}
	if strings.Join(got, ", ") != "removed a, removed b, truncated c" {
		t.Errorf("got %v", got)
	}
}
