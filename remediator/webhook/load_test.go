package webhook

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestABodyThatDoesNotArriveIsNotWaitedFor(t *testing.T) {
	h, address, _ := serve(t, &memory{})
	h.bodyTimeout = 20 * time.Millisecond
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"version\"", Path)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, answer := answered(t, response); code != 503 || !response.Close {
		t.Errorf("got %d %s, close %v", code, answer, response.Close)
	}
	if !h.bodies.TryAcquire(maxBodies) {
		t.Error("its share of memory was not given back")
	}
}

// A gate holds every delivery until it is opened.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func (g gate) Receive(context.Context, Delivery) error {
	g.entered <- struct{}{}
	<-g.open
	return nil
}

func TestTooManyBodiesAtOnceAreAskedToComeAgain(t *testing.T) {
	g := gate{make(chan struct{}), make(chan struct{})}
	_, address, _ := serve(t, g)
	large := strings.Replace(group(alert()), "{", `{"padding":"`+strings.Repeat("x", maxBody-1000)+`",`, 1)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if code, answer := post(t, address, large); code != 202 {
				t.Errorf("got %d %s", code, answer)
			}
		})
		<-g.entered
	}
	if code, answer := post(t, address, large); code != 503 || answer != "8 MiB of notifications are being received already: try again" {
		t.Errorf("got %d %s", code, answer)
	}
	close(g.open)
	wg.Wait()
}

func TestManySendersAtOnceAreAllKept(t *testing.T) {
	var kept memory
	_, address, _ := serve(t, &kept)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 10 {
				if code, answer := post(t, address, group(alert("node", fmt.Sprintf("n%d-%d", i, j)))); code != 202 {
					t.Errorf("got %d %s", code, answer)
				}
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, a := range kept.received() {
		seen[a.Labels["node"]] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d of 200 alerts arrived", len(seen))
	}
}

func TestAComplaintIsNotRepeatedAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c complaints
		for i, step := range []struct {
			msg  string
			wait time.Duration
			held int
			ok   bool
		}{
			{"a", 0, 0, true},
			{"a", time.Second, 0, false},
			{"b", 0, 0, true},
			{"a", time.Second, 0, false},
			{"a", complaintEvery, 2, true},
			{"a", complaintEvery, 0, true},
		} {
			time.Sleep(step.wait) // in a bubble: its clock is not real
			if held, ok := c.due(step.msg, time.Now()); held != step.held || ok != step.ok {
				t.Errorf("step %d: %d held back, due %v", i, held, ok)
			}
		}
	})
}
