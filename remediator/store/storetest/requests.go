package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
)

func empty(t *testing.T, open func(*testing.T) Store) {
	if cs := load(t, opened(t, open)); len(cs) != 0 {
		t.Errorf("Load returned %+v, want nothing", cs)
	}
}

func requestAlone(t *testing.T, open func(*testing.T) Store) {
	s, r := opened(t, open), request("n1", headroom.NodeFSAvailable, 1)
	ask(t, s, r)
	equal(t, "case", one(t, s), headroom.Case{Node: "n1", Signal: headroom.NodeFSAvailable, Request: &r})
}

func newestRequest(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	for n := range 3 {
		ask(t, s, request("n1", headroom.NodeFSAvailable, n))
	}
	want := request("n1", headroom.NodeFSAvailable, 2)
	equal(t, "request", one(t, s).Request, &want)
}

// A person's does not take an alert's place, nor an alert's a person's.
func requestsApart(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	by := func(n int) headroom.Request {
		r := request("n1", headroom.NodeFSAvailable, n)
		r.By = "ann"
		return r
	}
	c := newCase("n1", headroom.NodeFSAvailable)
	save(t, s, c)
	for n := range 3 {
		ask(t, s, request("n1", headroom.NodeFSAvailable, n), by(10+n))
		ask(t, s, by(20+n), request("n1", headroom.NodeFSAvailable, 30+n))
	}
	save(t, s, c)
	alert, person := request("n1", headroom.NodeFSAvailable, 32), by(22)
	c.Request, c.Asked = &alert, &person
	equal(t, "case", one(t, s), *c)
	forged := by(9)
	c.Request, c.Asked = nil, &forged
	save(t, s, c) // they are the store's
	c.Request, c.Asked = &alert, &person
	equal(t, "case after it was saved again", one(t, s), *c)
	other := newCase("n1", headroom.ImageFSAvailable)
	other.Request, other.Asked = &forged, &forged
	save(t, s, other)
	if c := load(t, s)[0]; c.Signal != other.Signal || c.Request != nil || c.Asked != nil {
		t.Errorf("saved with a case were %+v", c)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	equal(t, "case of a store that was opened again", load(t, opened(t, open))[1], *c)
}

func newestInCall(t *testing.T, open func(*testing.T) Store) {
	s, want := opened(t, open), request("n1", headroom.NodeFSAvailable, 2)
	ask(t, s, request("n1", headroom.NodeFSAvailable, 1), want)
	equal(t, "request", one(t, s).Request, &want)
}

func noRequests(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	ask(t, s)
	if cs := load(t, s); len(cs) != 0 {
		t.Errorf("Load returned %+v, want nothing", cs)
	}
}

func requestRoundTrip(t *testing.T, open func(*testing.T) Store) {
	for sentence, change := range map[string]func(*headroom.Request){
		"labels of every script":      func(r *headroom.Request) { r.Labels["größe"] = "日本語 \U0001f4be \u00a0\u2028" },
		"labels with path tricks":     func(r *headroom.Request) { r.Labels["path"] = "../../etc/passwd\x00/./" },
		"labels with markup":          func(r *headroom.Request) { r.Labels["html"] = `<script>"&'\u003c` },
		"a label without a value":     func(r *headroom.Request) { r.Labels["empty"] = "" },
		"64 KiB of labels":            func(r *headroom.Request) { r.Labels["long"] = strings.Repeat("x", 64<<10) },
		"no labels":                   func(r *headroom.Request) { r.Labels = nil },
		"times in UTC":                func(r *headroom.Request) { r.StartsAt, r.Received = at(1).UTC(), at(2).UTC() },
		"times with a zone of -09:30": func(r *headroom.Request) { r.StartsAt = at(1).In(time.FixedZone("", -9*3600-1800)) },
		"a start that is not known":   func(r *headroom.Request) { r.StartsAt = time.Time{} },
	} {
		t.Run(sentence, func(t *testing.T) {
			s, r := opened(t, open), request("n1", headroom.NodeFSAvailable, 1)
			change(&r)
			ask(t, s, r)
			equal(t, "request", one(t, s).Request, &r)
		})
	}
}

func nameless(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	err := s.Request(context.Background(), []headroom.Request{
		request("n1", headroom.NodeFSAvailable, 1), request("", headroom.NodeFSAvailable, 2),
	})
	if err == nil {
		t.Error("Request succeeded for a node without a name")
	}
	if cs := load(t, s); len(cs) != 0 {
		t.Errorf("Load returned %+v after a refused call, want nothing", cs)
	}
}

func bigRequest(t *testing.T, open func(*testing.T) Store) {
	s, small := opened(t, open), request("n1", headroom.NodeFSAvailable, 1)
	ask(t, s, small)
	big := request("n1", headroom.NodeFSAvailable, 2)
	big.Labels["long"] = strings.Repeat("x", 4<<20)
	err := s.Request(context.Background(), []headroom.Request{request("n2", headroom.NodeFSAvailable, 1), big})
	refused(t, err, "n1")
	equal(t, "request", one(t, s).Request, &small)
}

func ended(t *testing.T, open func(*testing.T) Store) {
	s := opened(t, open)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, loadErr := s.Load(ctx)
	_, controlErr := s.Control(ctx)
	for call, err := range map[string]error{
		"Request":     s.Request(ctx, []headroom.Request{request("n1", headroom.NodeFSAvailable, 1)}),
		"Save":        s.Save(ctx, newCase("n1", headroom.NodeFSAvailable)),
		"Load":        loadErr,
		"Control":     controlErr,
		"SaveControl": s.SaveControl(ctx, newControl()),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context canceled", call, err)
		}
	}
}

func closed(t *testing.T, open func(*testing.T) Store) {
	s, ctx := opened(t, open), context.Background()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := s.Request(ctx, []headroom.Request{request("n1", headroom.NodeFSAvailable, 1)}); err == nil {
		t.Error("Request succeeded on a closed store")
	}
	if err := s.Save(ctx, newCase("n1", headroom.NodeFSAvailable)); err == nil {
		t.Error("Save succeeded on a closed store")
	}
	if _, err := s.Control(ctx); err == nil {
		t.Error("Control succeeded on a closed store")
	}
	if err := s.SaveControl(ctx, newControl()); err == nil {
		t.Error("SaveControl succeeded on a closed store")
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close, again: %v", err)
	}
}

// refused wants an error that names the node.
func refused(t *testing.T, err error, node string) {
	t.Helper()
	if err == nil {
		t.Error("4 MiB were stored")
	} else if !strings.Contains(err.Error(), node) {
		t.Errorf("error %q does not name %s", err, node)
	}
}
