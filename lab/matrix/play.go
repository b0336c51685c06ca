package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

const (
	// quietly is how long a node runs before its fill begins: the fast prediction
	// looks back on more than a minute.
	quietly = 85 * time.Second
	// after is how long is watched when the fill has ended: the transition period,
	// a look of the kubelet's, which has one every ten seconds, and some.
	after = transition + 15*time.Second
	// longest is how long a play may take that got stuck.
	longest = 25 * time.Minute
)

// play plays a row once.
func (l *lab) play(ctx context.Context, r row, with bool, number int) (one result, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	s, err := l.set(ctx, r, with)
	if err != nil {
		return one, err
	}
	defer func() {
		struck := s.strike(context.WithoutCancel(ctx))
		if err != nil {
			err = errors.Join(err, struck)
		} else if struck != nil { // what was played was played
			one.Notes = append(one.Notes, fmt.Sprintf("afterwards: %v", struck))
		}
	}()
	if err := s.quiet(ctx); err != nil {
		return one, err
	}
	o, err := s.order()
	if err != nil {
		return one, err
	}
	w, err := newWatch(ctx, s)
	if err != nil {
		return one, err
	}
	if err := s.fill(ctx, w, o); err != nil {
		return one, err
	}
	if err := s.died(); err != nil {
		return one, err
	}
	one = result{
		Row: r.name(), With: with, Play: number,
		Revision: l.inputs.revision, Took: l.inputs.of(with), Parameters: hash(r.parameters()),
	}
	return one, s.judge(ctx, w, &one)
}

// quiet waits until Prometheus knows enough of the node.
func (s *stand) quiet(ctx context.Context) error {
	series := `{__name__=~"headroom_signal_available_.+",signal="` + s.signals()[0] + `"}`
	past := quietly
	if s.with {
		past = max(past, s.row.fill.ages)
	}
	ctx, cancel := context.WithTimeout(ctx, past+2*time.Minute)
	defer cancel()
	return cluster.Wait(ctx, "a quiet past in Prometheus", func(ctx context.Context) error {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		first, err := s.prometheus.First(ctx, series, 2*past)
		if err == nil && time.Since(first) < past {
			err = fmt.Errorf("the first sample is of %s", first)
		}
		return err
	})
}

// fill fills and watches, until the fill has ended and the transition period after
// it.
func (s *stand) fill(ctx context.Context, w *watch, o order) error {
	watching, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	w.began = time.Now()
	go func() {
		defer close(done)
		w.run(watching)
	}()
	err := s.row.fill.run(ctx, s, o)
	if err == nil {
		err = pause(ctx, after)
	}
	stop()
	<-done
	return err
}

// judge completes a result by what was seen, and by what can be asked afterwards.
func (s *stand) judge(ctx context.Context, w *watch, one *result) error {
	one.Began, one.Unit, one.Capacity, one.Threshold = w.began, s.row.fill.unit, w.capacity, w.threshold
	one.Rate, one.Least = w.rate(), w.least()
	if len(w.samples) > 0 {
		one.Available = w.samples[0].available
	}
	one.Fastest = s.lab.shipped.fastest(one.Available - one.Threshold)
	if one.Pressure = !w.pressure.IsZero(); one.Pressure {
		one.PressureAt = new(float64)
		*one.PressureAt = round(w.pressure.Sub(w.began))
	}
	one.Bystanders = bystanders
	one.Lost, one.Offender = w.losses("bystander"), w.losses("offender")
	one.Notes = slices.Sorted(maps.Values(w.problems))
	alert, at, err := s.alert(ctx, w.began)
	if err != nil {
		return err
	}
	one.Room = w.room(at)
	if alert != "" {
		one.Alert, one.AlertAt = alert, new(float64)
		*one.AlertAt = round(at)
	}
	if one.Harm, err = s.harm(ctx); err != nil || !s.with {
		return err
	}
	var notes []string
	one.Acts, notes, err = s.acts(ctx, w.began)
	one.Notes = append(one.Notes, notes...)
	return err
}

// alert returns which of the alerts that the remediator hears of fired first, and
// how long after the fill had begun; "" if none did.
func (s *stand) alert(ctx context.Context, began time.Time) (name string, at time.Duration, err error) {
	found, err := s.prometheus.Samples(ctx, `ALERTS{alertstate="firing",stage=~"before|at"}`, time.Since(began)+quietly)
	if err != nil {
		return "", 0, err
	}
	first := model.Latest
	for _, series := range found {
		if t := series.Values[0].Timestamp; t < first {
			first, name = t, string(series.Metric["alertname"])
		}
	}
	if name == "" {
		return "", 0, nil
	}
	return name, first.Time().Sub(began), nil
}

// harm is what was lost besides pods.
func (s *stand) harm(ctx context.Context) (h harm, err error) {
	h.Pulls = s.pulledAgain()
	if h.Bystanders, err = s.logs.lost("bystander"); err != nil {
		return h, err
	}
	if h.Offender, err = s.logs.lost("offender"); err != nil || s.row.fill.lost == nil {
		return h, err
	}
	own, err := s.row.fill.lost(ctx, s)
	h.Offender += own
	return h, err
}
