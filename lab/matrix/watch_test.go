package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// levels are samples a second apart, in percent of headroom above a threshold of 10.
func levels(percent ...int64) *watch {
	w := &watch{start: 0.05, threshold: 10, capacity: 100}
	for i, p := range percent {
		w.samples = append(w.samples, sample{time.Duration(i) * time.Second, 10 + p})
	}
	return w
}

func TestRoomIsBackWhenHeadroomIsAboveStart(t *testing.T) {
	s := func(v float64) *float64 { return &v }
	for sentence, test := range map[string]struct {
		watch *watch
		alert time.Duration
		want  *float64
	}{
		"what was never short needs no room":     {levels(25, 20, 6), time.Second, s(0)},
		"it counts from the alert":               {levels(25, 4, 3, 3, 9, 8), 2 * time.Second, s(2)},
		"a threshold that was met can be left":   {levels(4, -5, -6, 5), 0, s(3)},
		"what ends below start never had room":   {levels(25, 4, 3), 0, nil},
		"the first return counts":                {levels(4, 6, 4), 0, s(1)},
		"room that came before the alert is now": {levels(4, 6, 7), 5 * time.Second, s(0)},
	} {
		got := test.watch.room(test.alert)
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%s: %v", sentence, got)
		}
	}
}

func TestTheRateIsMeasuredBeforeAnybodyMakesRoom(t *testing.T) {
	for sentence, test := range map[string]struct {
		watch *watch
		want  float64
	}{
		"up to where the remediator may act":        {levels(25, 20, 15, 10, 4, 30, 30), 21.0 / 4},
		"or to the lowest point":                    {levels(25, 20, 15, 16, 17), 5},
		"nothing happens at no rate":                {levels(25, 25, 25), 0},
		"and what nobody has seen has no rate, too": {levels(), 0},
	} {
		if got := test.watch.rate(); got != test.want {
			t.Errorf("%s: %v, want %v", sentence, got, test.want)
		}
	}
}

func TestWhateverBefallsAPodIsALoss(t *testing.T) {
	well := func() cluster.Pod {
		var p cluster.Pod
		p.Metadata.UID, p.Metadata.Name, p.Status.Phase = "1", "bystander-1", "Running"
		p.Status.Conditions = []cluster.Condition{{Type: "Ready", Status: "True"}}
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, struct {
			Name, ContainerID string
			Ready             bool
			RestartCount      int
			State             map[string]json.RawMessage
		}{Name: "app", Ready: true})
		return p
	}
	for sentence, befall := range map[string]func(*cluster.Pod) bool{
		"an evicted pod is lost": func(p *cluster.Pod) bool {
			p.Status.Phase, p.Status.Reason = "Failed", "Evicted"
			return true
		},
		"one that ended well while it was evicted is lost": func(p *cluster.Pod) bool {
			p.Status.Phase = "Succeeded"
			p.Status.Conditions = append(p.Status.Conditions, cluster.Condition{Type: "DisruptionTarget", Reason: "TerminationByKubelet"})
			return true
		},
		"a restart is a loss": func(p *cluster.Pod) bool { p.Status.ContainerStatuses[0].RestartCount = 1; return true },
		"one that does not serve is lost": func(p *cluster.Pod) bool {
			p.Status.Conditions[0].Status = "False"
			return true
		},
		"one that is gone is lost":             func(*cluster.Pod) bool { return false },
		"another in its place does not help":   func(p *cluster.Pod) bool { p.Metadata.UID = "2"; return true },
		"what is well again was lost all same": nil,
	} {
		w := &watch{began: time.Now(), pods: map[string]seen{"1": {name: "bystander-1", app: "bystander"}}}
		w.see([]cluster.Pod{well()})
		if len(w.losses("bystander")) != 0 {
			t.Fatal("a pod that is well is lost")
		}
		p := well()
		switch {
		case befall == nil:
			w.see(nil)
			w.see([]cluster.Pod{p})
		case befall(&p):
			w.see([]cluster.Pod{p})
		default:
			w.see(nil)
		}
		if len(w.losses("bystander")) != 1 || len(w.losses("offender")) != 0 {
			t.Errorf("%s: lost are %v", sentence, w.losses("bystander"))
		}
	}
	crashed := well()
	crashed.Status.ContainerStatuses[0].RestartCount = 5
	if harmed(crashed, "offender") != "" || harmed(crashed, "bystander") == "" {
		t.Error("to crash is no harm to an offender, and to nobody else")
	}
}
