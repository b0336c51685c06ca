package main

import "testing"

func TestTheWorstPlayIsShown(t *testing.T) {
	s := func(v float64) *float64 { return &v }
	fine := result{Room: s(1), Least: 0.04}
	for sentence, worse := range map[string]func(*result){
		"a lost bystander is worse":           func(r *result) { r.Lost = []loss{{}} },
		"DiskPressure is worse":               func(r *result) { r.Pressure = true },
		"a lost offender is worse":            func(r *result) { r.Offender = []loss{{}} },
		"room that never came is worse":       func(r *result) { r.Room = nil },
		"room that came later is worse":       func(r *result) { r.Room = s(2) },
		"an image pulled again is worse":      func(r *result) { r.Harm.Pulls = 1 },
		"a bystander's lost log is worse":     func(r *result) { r.Harm.Bystanders = 1 },
		"the offender's lost log is worse":    func(r *result) { r.Harm.Offender = 1 },
		"to have come nearer is worse":        func(r *result) { r.Least = 0.01 },
		"to have gone past it is worse still": func(r *result) { r.Least = -0.01 },
	} {
		bad := fine
		worse(&bad)
		bad.Play = 7
		for _, of := range [][]result{{fine, bad, fine}, {bad, fine}, {fine, bad}} {
			if got := worst(of); got.Play != 7 {
				t.Errorf("%s: shown is %+v", sentence, got)
			}
		}
	}
	lost, pressed := fine, fine
	lost.Lost, lost.Play = []loss{{}}, 1
	pressed.Pressure, pressed.Offender, pressed.Room, pressed.Play = true, []loss{{}, {}}, nil, 2
	if got := worst([]result{pressed, lost}); got.Play != 1 {
		t.Error("one lost bystander is not worse than everything else")
	}
}
