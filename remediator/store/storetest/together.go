package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nodeheadroom/headroom"
)

func reopen(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	r, c := request("n1", headroom.NodeFSAvailable, 3), newCase("n1", headroom.NodeFSAvailable)
	alone := request("n2", headroom.ImageFSInodesFree, 4)
	ask(t, s, r, alone)
	save(t, s, c)
	for range 3 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		s = open(t)
		c.Request = &r
		equal(t, "cases", load(t, s), []headroom.Case{*c, {Node: "n2", Signal: headroom.ImageFSInodesFree, Request: &alone}})
		c.Answered += "x"
		save(t, s, c) // the version is still the store's
	}
	s.Close()
}

func manyNodes(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	want := map[string]headroom.Case{}
	for n := range 60 {
		node := fmt.Sprintf("node-%03d.example", n)
		var rs []headroom.Request
		for _, signal := range []headroom.Signal{headroom.NodeFSAvailable, headroom.PIDAvailable} {
			r := request(node, signal, n)
			rs = append(rs, r)
			want[node+string(signal)] = headroom.Case{Node: node, Signal: signal, Request: &r}
		}
		ask(t, s, rs...)
	}
	c := newCase("node-007.example", headroom.PIDAvailable)
	save(t, s, c)
	c.Request = want[c.Node+string(c.Signal)].Request
	want[c.Node+string(c.Signal)] = *c
	got := map[string]headroom.Case{}
	for _, c := range load(t, s) {
		got[c.Node+string(c.Signal)] = c
	}
	equal(t, "cases", got, want)
}

func manyCallers(t *testing.T, open func(*testing.T) Store) {
	const callers, each = 16, 12
	s := opened(t, open)
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			node := fmt.Sprint("n", caller)
			c := &headroom.Case{Node: node, Signal: headroom.NodeFSAvailable}
			for n := range each {
				err := s.Request(context.Background(), []headroom.Request{request(node, headroom.NodeFSAvailable, n)})
				c.Answered = fmt.Sprint(n)
				if err := errors.Join(err, s.Save(context.Background(), c)); err != nil {
					t.Error(err)
				}
				if _, err := s.Load(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	cs := load(t, s)
	if len(cs) != callers {
		t.Fatalf("%d cases, want %d", len(cs), callers)
	}
	for _, c := range cs {
		if want := fmt.Sprintf("%s-%s-%d", c.Node, c.Signal, each-1); c.Answered != fmt.Sprint(each-1) || c.Request.ID != want {
			t.Errorf("%s: answered %s, request %s; want %d, %s", c.Node, c.Answered, c.Request.ID, each-1, want)
		}
	}
}

func twoWriters(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	saved := contend(t, func() error {
		cs, err := s.Load(context.Background())
		if err != nil {
			return err
		}
		c := headroom.Case{Node: "n1", Signal: headroom.NodeFSAvailable}
		if len(cs) == 1 {
			c = cs[0]
		}
		c.Answered += "x"
		return s.Save(context.Background(), &c)
	})
	if got := len(one(t, s).Answered); got != saved {
		t.Errorf("%d saves are there, %d succeeded", got, saved)
	}
}

// contend has several writers save at once, each until it has succeeded ten times,
// and returns how often they did. Conflicts are to be expected.
func contend(t *testing.T, save func() error) (saved int) {
	const writers, each = 8, 10
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for done := 0; done < each; {
				switch err := save(); {
				case err == nil:
					done++
				case !errors.Is(err, headroom.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return writers * each
}
