package main

import (
	"strings"
	"testing"
	"time"
)

func TestWhatCanBeMetComesFromTheShippedIntervals(t *testing.T) {
	s, err := readShipped("../..")
	if err != nil {
		t.Fatal(err)
	}
	if s.scrape != 5*time.Second || s.evaluate != 5*time.Second || s.holds != 5*time.Second || s.group != 0 || s.start != 0.05 {
		t.Errorf("the shipped files say %+v", s)
	}
	if got, want := s.notice(), 15*time.Second+answers; got != want {
		t.Errorf("it takes %s to notice, want %s", got, want)
	}
	if got := s.fastest(1700); got != 100 {
		t.Errorf("1700 bytes in 17 s are %v a second", got)
	}
}

func TestPhysicsForbidsOnlyWhatIsFasterThanCanBeMet(t *testing.T) {
	for sentence, test := range map[string]struct {
		rate, fastest float64
		forbids       bool
	}{
		"a slower fill can be met":               {99, 100, false},
		"as fast as can be met can be met":       {100, 100, false},
		"a faster one cannot":                    {101, 100, true},
		"what was not measured is not forbidden": {0, 100, false},
	} {
		r := result{Unit: inBytes, Rate: test.rate, Fastest: test.fastest}
		if r.forbidden() != test.forbids {
			t.Errorf("%s: %v", sentence, r.forbidden())
		}
		cells := line(row{logs, oneDisk, burst}, []result{r}, nil)
		if said := strings.Contains(strings.Join(cells, "|"), "physics forbids"); said != test.forbids {
			t.Errorf("%s: the table has %q", sentence, cells)
		}
	}
}
