package main

import (
	"testing"
)

func TestEveryFillIsPlayedOnBothLayoutsAtBothSpeeds(t *testing.T) {
	all := rows()
	if want := 4*len(fills) + 1; len(all) != want {
		t.Errorf("%d rows, want %d", len(all), want)
	}
	names := make(map[string]bool)
	for _, r := range all {
		if names[r.name()] {
			t.Errorf("two rows are called %s", r.name())
		}
		names[r.name()] = true
		if r.fill.title == "" || r.fill.run == nil || thresholds[r.fill.unit][r.fill.disk] == nil {
			t.Errorf("%s is not whole", r.name())
		}
		if r.settings()["evictionPressureTransitionPeriod"] != "30s" {
			t.Errorf("%s: its kubelet has %v", r.name(), r.settings())
		}
	}
	for _, name := range []string{"logs/one/burst", "small/two/slow", "no fault"} {
		if !names[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestRowsAreChosenByTheBeginningsOfTheirNames(t *testing.T) {
	for words, want := range map[string]int{"": len(rows()), "logs": 4, "logs/one, small/two/burst": 3, "no": 5} {
		chosen, err := choose(rows(), words)
		if err != nil || len(chosen) != want {
			t.Errorf("%q chooses %d, %v; want %d", words, len(chosen), err, want)
		}
	}
	if _, err := choose(rows(), "lgos"); err == nil {
		t.Error("a word that nothing begins with is no error")
	}
}

func TestAResultCountsForNothingThatIsPlayedOtherwise(t *testing.T) {
	r := row{logs, oneDisk, burst}
	was := hash(r.parameters())
	for what, change := range map[string]func(*row){
		"another speed":             func(r *row) { r.speed.meets++ },
		"another disk":              func(r *row) { r.disks.layout.Nodefs.Size++ },
		"another kubelet":           func(r *row) { r.fill.kubelet = map[string]any{"containerLogMaxSize": "2Gi"} },
		"another flag":              func(r *row) { r.fill.flags = []string{"--v=3"} },
		"another mkfs":              func(r *row) { r.fill.nodefs = []string{"-N", "1"} },
		"another way of playing it": func(r *row) { r.fill.version++ },
	} {
		other := r
		change(&other)
		if hash(other.parameters()) == was {
			t.Errorf("%s has the same parameters", what)
		}
	}
	if hash(row{logs, oneDisk, burst}.parameters()) != was {
		t.Error("the same row has other parameters the second time")
	}
}

func TestAFillGoesOnBeyondTheThreshold(t *testing.T) {
	if got, want := burst.lasts().Seconds(), 93.0; got < want-0.1 || got > want+0.1 {
		t.Errorf("a burst lasts %v s, want %v", got, want)
	}
}
