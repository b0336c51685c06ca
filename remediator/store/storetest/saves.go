package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
)

func caseRoundTrip(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), newCase("n1", headroom.NodeFSAvailable)
	c.Answered = "request-1"
	save(t, s, c)
	equal(t, "case", one(t, s), *c)
}

func joined(t *testing.T, open func(*testing.T) Store) {
	s, c, r := opened(t, open), newCase("n1", headroom.NodeFSAvailable), request("n1", headroom.NodeFSAvailable, 7)
	ask(t, s, r)
	save(t, s, c)
	c.Request = &r
	equal(t, "case", one(t, s), *c)
}

func requestKeepsCase(t *testing.T, open func(*testing.T) Store) {
	s, c, r := opened(t, open), newCase("n1", headroom.NodeFSAvailable), request("n1", headroom.NodeFSAvailable, 7)
	save(t, s, c)
	ask(t, s, r)
	got := one(t, s)
	c.Request = &r
	equal(t, "case", got, *c)
	save(t, s, &got) // a request is no reason to conflict
}

func saveIgnoresRequest(t *testing.T, open func(*testing.T) Store) {
	s, r := opened(t, open), request("n1", headroom.NodeFSAvailable, 7)
	ask(t, s, r)
	c := one(t, s)
	other := request("n1", headroom.NodeFSAvailable, 8)
	c.Request = &other
	save(t, s, &c)
	if c.Request != &other {
		t.Error("Save changed the caller's request")
	}
	equal(t, "request", one(t, s).Request, &r)
}

func versions(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), newCase("n1", headroom.NodeFSAvailable)
	seen := map[string]bool{"": true}
	for range 12 {
		save(t, s, c)
		if seen[c.Version] {
			t.Fatalf("version %q was there before", c.Version)
		}
		seen[c.Version] = true
		if got := one(t, s).Version; got != c.Version {
			t.Fatalf("Load returned version %q, Save said %q", got, c.Version)
		}
	}
}

func conflict(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), newCase("n1", headroom.NodeFSAvailable)
	save(t, s, c)
	stale := *c
	c.Answered = "the newer one"
	save(t, s, c)
	conflicts(t, s, &stale)
	equal(t, "case", one(t, s), *c)
}

func firstSaveConflict(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	save(t, s, newCase("n1", headroom.NodeFSAvailable))
	conflicts(t, s, newCase("n1", headroom.NodeFSAvailable))
}

func unknownVersion(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	for _, version := range []string{"1", "18446744073709551615", "not a version of this store"} {
		c := newCase("n1", headroom.NodeFSAvailable)
		c.Version = version
		conflicts(t, s, c)
	}
}

// conflicts wants ErrConflict, and c as it was.
func conflicts(t *testing.T, s Store, c *headroom.Case) {
	t.Helper()
	before := *c
	if err := s.Save(context.Background(), c); !errors.Is(err, headroom.ErrConflict) {
		t.Errorf("Save: %v, want a conflict", err)
	}
	equal(t, "case after a conflict", *c, before)
}

func loadedIsOwn(t *testing.T, open func(*testing.T) Store) {
	s, r := opened(t, open), request("n1", headroom.NodeFSAvailable, 1)
	ask(t, s, r)
	save(t, s, newCase("n1", headroom.NodeFSAvailable))
	want := one(t, s)
	c := one(t, s)
	c.Request.Labels["node"], c.Episodes[0].Rungs[0].Notes[0] = "changed", "changed"
	equal(t, "case", one(t, s), want)
}

func tenEpisodes(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), &headroom.Case{Node: "n1", Signal: headroom.PIDAvailable}
	for n := range 25 {
		c.Begin(episode(n))
		save(t, s, c)
	}
	got := one(t, s)
	equal(t, "case", got, *c)
	if len(got.Episodes) != headroom.MaxEpisodes || got.Last().ID != "episode-24" {
		t.Errorf("%d episodes, the last %s; want %d, episode-24", len(got.Episodes), got.Last().ID, headroom.MaxEpisodes)
	}
}

func elevenEpisodes(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), newCase("n1", headroom.NodeFSAvailable)
	for n := range headroom.MaxEpisodes {
		c.Episodes = append(c.Episodes, episode(n))
	}
	if err := s.Save(context.Background(), c); err == nil {
		t.Errorf("%d episodes were saved", len(c.Episodes))
	}
}

func bigCase(t *testing.T, open func(*testing.T) Store) {
	s, c := opened(t, open), newCase("n1", headroom.NodeFSAvailable)
	save(t, s, c)
	big := *newCase("n1", headroom.NodeFSAvailable)
	big.Version = c.Version
	big.Episodes[0].Rungs[0].Notes = []string{strings.Repeat("x", 4<<20)}
	refused(t, s.Save(context.Background(), &big), "n1")
	equal(t, "case", one(t, s), *c)
	save(t, s, c) // its version still counts
}
