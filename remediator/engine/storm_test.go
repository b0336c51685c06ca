package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

func (b *bench) storm(from, nodes int) {
	b.t.Helper()
	var alerts []Alert
	for i := range nodes {
		a := b.alert(nodefs)
		a.Labels["node"] = fmt.Sprint("x", from+i)
		a.Fingerprint = a.Labels["node"]
		alerts = append(alerts, a)
	}
	b.receive(alerts...)
}

func TestTheBreakerOpensWhenTooManyNodesAlertAtOnce(t *testing.T) {
	play(t, func(b *bench) {
		dig := &digger{pieces: []int64{200}}
		b.on(dig).disk.set(120)
		b.storm(0, 19)
		if c := b.control(nil); c.Breaker != nil {
			t.Fatalf("19 nodes opened it: %+v", c.Breaker)
		}
		b.receive(b.alert(nodefs))
		c := b.control(nil)
		if c.Breaker == nil || c.Breaker.Nodes != 20 {
			t.Fatalf("20 nodes did not open it: %+v", c)
		}
		b.on(dig) // it is durable
		b.pass(time.Minute)
		b.held(nodefs, headroom.BreakerOpen, "closes at")
		if got := gauge(t, b.Metrics.breakerOpen); got != 1 {
			t.Errorf("breaker_open is %v", got)
		}
		b.pass(3 * time.Minute)
		b.storm(100, 20) // it goes on
		b.pass(4 * time.Minute)
		b.held(nodefs, headroom.BreakerOpen, "closes at")
		b.pass(2 * time.Minute)
		// It closes, and replays nothing stale.
		b.want(nodefs, 1, "OverExpired")
		if got := gauge(t, b.Metrics.breakerOpen); got != 0 || b.control(nil).Breaker != nil {
			t.Errorf("breaker_open is %v", got)
		}
		b.pass(time.Hour)
		b.want(nodefs, 1, "OverExpired")
		if dig.applied() != 0 {
			t.Errorf("applied %d times", dig.applied())
		}
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.want(nodefs, 2, "OverSucceeded", "dig done")
	})
}

func TestAnAlertThatIsDeliveredAgainAfterTheStormGoesOn(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(120)
		b.storm(0, 20)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.held(nodefs, headroom.BreakerOpen, "closes at")
		time.Sleep(5 * time.Minute) // nobody looks
		b.pass(time.Second)
		b.want(nodefs, 1, "OverExpired")
	})
}

func TestNodesThatAlertOneAfterTheOtherAreNoStorm(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(500)
		for i := range 100 {
			b.storm(i, 1)
			b.pass(16 * time.Second) // 19 within five minutes
		}
		if c := b.control(nil); c.Breaker != nil {
			t.Errorf("%+v", c.Breaker)
		}
	})
}

func TestOtherClustersAreNoStormOfOurs(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}).disk.set(500)
		b.Policy.Cluster = "ours"
		b.storm(0, 100)
		if c := b.control(nil); c.Breaker != nil {
			t.Errorf("%+v", c.Breaker)
		}
	})
}

// Against a count of everything that was ever noted.
func TestAStormIsCountedExactlyInBoundedMemory(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	s := storm{within: time.Minute, most: 20}
	all := map[string]time.Time{}
	now := time.Now()
	for range 20_000 {
		now = now.Add(time.Duration(rnd.IntN(5)) * time.Second)
		node := fmt.Sprint(rnd.IntN(40))
		s.note(node, now)
		all[node] = now
		if len(s.last) > s.most {
			t.Fatalf("remembers %d", len(s.last))
		}
		n := 0
		for _, at := range all {
			if now.Sub(at) <= s.within {
				n++
			}
		}
		if got, want := s.count(now), min(n, s.most); got != want {
			t.Fatalf("counts %d, want %d", got, want)
		}
	}
}

func TestWhatArrivesAfterTheStormCountsThoughNobodyHasLookedYet(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(120)
		b.storm(0, 20)
		time.Sleep(5*time.Minute + 10*time.Second)
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestAClockThatWasSetBackEndsAStormAndWhatIsVoid(t *testing.T) {
	for name, c := range map[string]headroom.Control{
		"the breaker is open": {Breaker: &headroom.Breaker{Opened: time.Date(2000, 1, 1, 5, 0, 0, 0, time.UTC), Until: time.Date(2000, 1, 1, 5, 5, 0, 0, time.UTC), Nodes: 20}},
		"it was":              {Void: time.Date(2000, 1, 1, 5, 5, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *bench) { // at midnight of that day
				b.on(&digger{pieces: []int64{200}}).disk.set(120)
				b.control(func(now *headroom.Control) { now.Breaker, now.Void = c.Breaker, c.Void })
				b.pass(10 * time.Second)
				b.receive(b.alert(nodefs))
				b.pass(10 * time.Second)
				b.want(nodefs, 1, "OverSucceeded", "dig done")
			})
		})
	}
}

func TestAPersonsWordOutlastsAStorm(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{pieces: []int64{200}}).disk.set(120)
		b.storm(0, 20)
		b.ask("ann")
		b.pass(time.Minute)
		b.held(nodefs, headroom.BreakerOpen, "closes at")
		b.pass(5 * time.Minute)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestWhatIsTooLongForANodesNameIsNotRemembered(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{}).disk.set(500)
		var alerts []Alert
		for i := range 30 {
			a := b.alert(nodefs)
			a.Labels["node"] = fmt.Sprintf("%0254d", i)
			alerts = append(alerts, a)
		}
		b.receive(alerts...)
		if n := len(b.Engine.storm.last); n != 0 {
			t.Errorf("remembers %d", n)
		}
		count(t, b.Metrics.alerts.WithLabelValues(otherNode), 30)
	})
}
