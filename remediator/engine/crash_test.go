package engine

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	headroom "github.com/nodeheadroom/headroom"
)

func TestStoppedWhileApplyingGoesOnWithTheSameKey(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}, hold: make(chan struct{})}
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "Running", "dig interrupted")
		close(d.hold)
		b.on(d)
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig interrupted", "dig done")
		if len(d.keys) != 2 || d.keys[0] != d.keys[1] {
			t.Errorf("keys %q, want one key twice", d.keys)
		}
	})
}

func TestKilledWhileApplyingIsRecordedAsUnknown(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{30, 200}}
		b.on(d).disk.set(140)
		// From the moment of the act nothing can be written down: to the store
		// that is the same as being killed there.
		d.dig = func() { b.store.refuseSave = errTest }
		b.receive(b.alert(nodefs))
		b.pass(500 * time.Millisecond)
		c := b.load(nodefs)
		if rung := c.Last().Rungs[0]; rung.Outcome != "" {
			t.Fatalf("the rung is %q on record, want it unfinished", rung.Outcome)
		}
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		d.dig = nil
		b.open()
		b.on(d)
		b.pass(10 * time.Second)
		ep := b.want(nodefs, 1, "OverSucceeded", "dig interrupted", "dig done")
		if ep.Rungs[0].Removed != nil {
			t.Errorf("what the killed rung removed is %+v, want unknown", ep.Rungs[0].Removed)
		}
		if ep.Rungs[0].After == nil || ep.Rungs[0].After.Available != 170 {
			t.Errorf("after the killed rung the node was at %+v", ep.Rungs[0].After)
		}
		count(t, b.Metrics.rungs.WithLabelValues("n1", string(nodefs), "dig", string(headroom.RungInterrupted)), 1)
	})
}

// How much a lender had lent when it was killed nobody knows: it may be all that
// the disk got back.
func TestKilledWhileLendingItHasNotSucceeded(t *testing.T) {
	play(t, func(b *bench) {
		ballast := &digger{name: "ballast", pieces: []int64{200}}
		b.on(ballast).with(lender{ballast}).disk.set(120)
		ballast.dig = func() { b.store.refuseSave = errTest }
		b.receive(b.alert(nodefs))
		b.pass(500 * time.Millisecond)
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		ballast.dig = nil
		b.open()
		b.on(ballast).with(lender{ballast})
		b.pass(10 * time.Second)
		ep := b.want(nodefs, 1, "OverExhausted", "ballast interrupted", "ballast nothing", "ballast nothing")
		if ep.Rungs[0].Removed != nil || !strings.Contains(ep.Detail, "set aside") {
			t.Errorf("%q, %+v", ep.Detail, ep.Rungs)
		}
	})
}

func TestARungThatKillsTheProgramIsGivenUp(t *testing.T) {
	play(t, func(b *bench) {
		deadly, other := &digger{name: "deadly", hold: make(chan struct{}), pieces: []int64{1}}, &digger{name: "other", pieces: []int64{200}}
		for range 4 {
			b.on(deadly, other).disk.set(140)
			b.receive(b.alert(nodefs))
			b.pass(10 * time.Second)
		}
		b.want(nodefs, 1, "OverSucceeded", "deadly interrupted", "deadly interrupted", "deadly interrupted", "other done")
	})
}

func TestNothingIsDoneThatCannotBeWrittenDown(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(140)
		b.receive(b.alert(nodefs))
		b.store.refuseSave = errTest
		b.pass(time.Minute)
		if d.applied() != 0 {
			t.Error("it acted without a record")
		}
		if testutil.ToFloat64(b.Metrics.storeErrors) < 50 {
			t.Error("what was refused a second apart for a minute is not counted")
		}
		b.store.refuseSave = nil
		b.pass(10 * time.Second)
		b.want(nodefs, 1, "OverSucceeded", "dig done")
	})
}

func TestReceiveFailsWhenNothingCanBeKept(t *testing.T) {
	play(t, func(b *bench) {
		b.on(&digger{})
		b.store.refuseRequest = errTest
		if err := b.Receive(t.Context(), []Alert{b.alert(nodefs)}); err == nil {
			t.Error("an alert that was not kept was accepted")
		}
		count(t, b.Metrics.alerts.WithLabelValues(accepted), 0)
		count(t, b.Metrics.storeErrors, 1)
	})
}

func TestHazardControlLoopEmptyOrAbsentSelector(t *testing.T) {
	with := func(kv ...string) func(*Alert) {
		return func(a *Alert) {
			a.Labels = maps.Clone(a.Labels)
			for i := 0; i < len(kv); i += 2 {
				a.Labels[kv[i]] = kv[i+1]
			}
		}
	}
	cases := map[string]struct {
		change  func(*Alert)
		outcome string
	}{
		"a resolved alert inside a firing group":  {func(a *Alert) { a.Firing = false }, resolved},
		"no node":                                 {func(a *Alert) { a.Labels = map[string]string{"signal": string(nodefs)} }, noNode},
		"an empty name of a node":                 {with("node", ""), noNode},
		"a node of another machine":               {with("node", "n2"), otherNode},
		"a node that only begins like ours":       {with("node", "n1/../n1"), otherNode},
		"a cluster that is not the policy's":      {with("cluster", "prod-us"), otherCluster},
		"no cluster where the policy names one":   {func(a *Alert) { delete(a.Labels, "cluster") }, otherCluster},
		"a signal that does not exist":            {with("signal", "nodefs.availble"), noSignal},
		"a signal with a path in it":              {with("signal", "../../etc/passwd"), noSignal},
		"a signal that no case of the policy has": {with("signal", "memory.available"), noPolicy},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *bench) {
				b.on(&digger{})
				b.Policy.Cluster = "prod-eu"
				a := b.alert(nodefs)
				a.Labels["cluster"] = "prod-eu"
				good := a
				c.change(&a)
				b.receive(a)
				count(t, b.Metrics.alerts.WithLabelValues(c.outcome), 1)
				count(t, b.Metrics.alerts.WithLabelValues(accepted), 0)
				if cases, err := b.store.Load(t.Context()); err != nil || len(cases) != 0 {
					t.Errorf("it left %v, %v", cases, err)
				}
				good.Labels = maps.Clone(good.Labels)
				good.Labels["cluster"] = "prod-eu"
				b.receive(good)
				count(t, b.Metrics.alerts.WithLabelValues(accepted), 1)
			})
		})
	}
}

func TestAnotherPolicyEndsAnEpisodeAndBeginsItAnew(t *testing.T) {
	play(t, func(b *bench) {
		d := &digger{pieces: []int64{200}}
		b.on(d).disk.set(400)
		b.receive(b.alert(nodefs))
		b.pass(time.Minute)
		b.on(d)
		b.Policy.Hash, b.Policy.Cases[0].Start = "another", 0.40
		b.receive(b.alert(nodefs))
		b.pass(10 * time.Second)
		c := b.load(nodefs)
		if c.Episodes[0].Outcome != headroom.Failed || len(c.Episodes) != 2 || c.Last().Policy != "another" {
			t.Errorf("episodes %+v", c.Episodes)
		}
	})
}
