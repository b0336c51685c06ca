package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
)

// newControl has every field set.
func newControl() *headroom.Control {
	return &headroom.Control{
		Pause:   &headroom.Pause{By: "größe@example", Why: "<b> & \"quotes\" \u2028", Since: at(1), Until: at(2)},
		Breaker: &headroom.Breaker{Opened: at(3), Until: at(4), Nodes: 1<<31 - 1},
		Grants:  []headroom.Grant{{Node: "n1", Since: at(5)}, {Node: "n2.example", Since: at(6).UTC()}},
		Void:    at(7),
	}
}

func saveControl(t *testing.T, s Store, c *headroom.Control) {
	t.Helper()
	if err := s.SaveControl(context.Background(), c); err != nil {
		t.Fatalf("SaveControl: %v", err)
	}
}

func control(t *testing.T, s Store) headroom.Control {
	t.Helper()
	c, err := s.Control(context.Background())
	if err != nil {
		t.Fatalf("Control: %v", err)
	}
	return c
}

func noControl(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	equal(t, "control", control(t, s), headroom.Control{})
	ask(t, s, request("n1", headroom.NodeFSAvailable, 1))
	equal(t, "control beside a request", control(t, s), headroom.Control{})
}

func controlRoundTrip(t *testing.T, open func(*testing.T) Store) {
	for sentence, c := range map[string]*headroom.Control{
		"with every field":             newControl(),
		"with none":                    {},
		"a pause that has no end":      {Pause: &headroom.Pause{By: "root", Since: at(1)}},
		"an open breaker alone":        {Breaker: &headroom.Breaker{Opened: at(3), Until: at(4), Nodes: 20}},
		"the places of 500 nodes":      {Grants: grants(500)},
		"a breaker that was open once": {Void: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := opened(t, open)
			saveControl(t, s, c)
			if c.Version == "" {
				t.Error("SaveControl set no version")
			}
			equal(t, "control", control(t, s), *c)
		})
	}
}

func grants(n int) []headroom.Grant {
	gs := make([]headroom.Grant, n)
	for i := range gs {
		gs[i] = headroom.Grant{Node: "node-" + strings.Repeat("x", 40) + string(rune('a'+i%26)), Since: at(i % 50)}
	}
	return gs
}

// What a control no longer says must not come back from an older one.
func controlReplaced(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), newControl()
	saveControl(t, s, c)
	next := headroom.Control{Version: c.Version, Grants: []headroom.Grant{{Node: "n3", Since: at(8)}}}
	saveControl(t, s, &next)
	if next.Version == c.Version {
		t.Errorf("version %q was there before", next.Version)
	}
	equal(t, "control", control(t, s), next)
}

func controlConflict(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), newControl()
	for _, version := range []string{"1", "18446744073709551615", "not a version of this store"} {
		c.Version = version
		controlConflicts(t, s, c)
	}
	equal(t, "control", control(t, s), headroom.Control{})
	c.Version = ""
	saveControl(t, s, c)
	stale := *c
	c.Void = at(9)
	saveControl(t, s, c)
	stale.Grants = nil
	controlConflicts(t, s, &stale)
	controlConflicts(t, s, newControl())
	equal(t, "control", control(t, s), *c)
}

// controlConflicts wants ErrConflict, and c as it was.
func controlConflicts(t *testing.T, s Store, c *headroom.Control) {
	t.Helper()
	before := *c
	if err := s.SaveControl(context.Background(), c); !errors.Is(err, headroom.ErrConflict) {
		t.Errorf("SaveControl: %v, want a conflict", err)
	}
	equal(t, "control after a conflict", *c, before)
}

func twoControlWriters(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	saved := contend(t, func() error {
		c, err := s.Control(context.Background())
		if err != nil {
			return err
		}
		c.Grants = append(c.Grants, headroom.Grant{Node: "n1"})
		return s.SaveControl(context.Background(), &c)
	})
	if got := len(control(t, s).Grants); got != saved {
		t.Errorf("%d saves are there, %d succeeded", got, saved)
	}
}

func controlIsOwn(t *testing.T, open func(*testing.T) Store) {
	s, saved := opened(t, open), newControl()
	saveControl(t, s, saved)
	saved.Grants[0].Node, saved.Pause.By = "changed", "changed"
	c := control(t, s)
	c.Grants[0].Node, c.Pause.By, c.Breaker.Nodes = "changed", "changed", 7
	want := newControl()
	want.Version = saved.Version
	equal(t, "control", control(t, s), *want)
}

func controlAndCases(t *testing.T, open func(*testing.T) Store) {
	s, c, r := opened(t, open), newCase("n1", headroom.NodeFSAvailable), request("n1", headroom.NodeFSAvailable, 7)
	save(t, s, c)
	saveControl(t, s, newControl())
	ask(t, s, r)
	save(t, s, c) // the control's version is another
	want := control(t, s)
	c.Request = &r
	equal(t, "case", one(t, s), *c)
	saveControl(t, s, &want)
	equal(t, "case after the control was saved again", one(t, s), *c)
}

func controlReopened(t *testing.T, open func(*testing.T) Store) {
	s, c := open(t), newControl()
	saveControl(t, s, c)
	for range 3 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		s = open(t)
		equal(t, "control", control(t, s), *c)
		c.Breaker = nil
		saveControl(t, s, c) // the version is still the store's
	}
	s.Close()
}

func bigControl(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), newControl()
	saveControl(t, s, c)
	big := *c
	big.Pause = &headroom.Pause{Why: strings.Repeat("x", 4<<20)}
	if err := s.SaveControl(context.Background(), &big); err == nil {
		t.Error("4 MiB were stored")
	}
	if big.Version != c.Version {
		t.Error("a refused control has another version")
	}
	equal(t, "control", control(t, s), *c)
	saveControl(t, s, c) // its version still counts
}
