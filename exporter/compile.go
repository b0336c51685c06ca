package exporter

import (
	"cmp"
	"slices"
	"time"

	"github.com/nodeheadroom/headroom"
)

// newReport makes a report of a view, but for the consumers.
func newReport(v *view, effective thresholds, now time.Time) *report {
	r := &report{
		Time: now, Verdict: v.verdict(effective),
		Signals: []signalReport{}, Filesystems: []diskReport{}, Problems: []problemReport{}, Failures: []failure{},
	}
	r.Says = r.Verdict.Error()
	if c := v.config; c != nil {
		r.Thresholds = thresholdsReport{c.Source, c.Version, &c.Read}
	}
	for _, s := range allSignals {
		r.signal(v, effective, s)
	}
	r.disks(v)
	r.problems(v.findings(effective))
	for _, reader := range slices.Concat(v.node.Readers, v.background) {
		if reader.Err != nil {
			r.Failures = append(r.Failures, failure{reader.Name, reader.Err.Error()})
		}
	}
	return r
}

// signal adds a signal of which something is known, and notes the first to trip.
func (r *report) signal(v *view, effective thresholds, s headroom.Signal) {
	reading, known := find(v.node.Readings, s)
	out := signalReport{Signal: s, Unit: s.Unit(), Filesystem: s.Filesystem(), Mountpoint: v.node.Filesystems[s.Filesystem()].Mountpoint}
	if known {
		out.Available, out.Capacity = &reading.Available, &reading.Capacity
	}
	var limiting *headroom.Threshold
	for _, e := range headroom.Evictions {
		t, ok := effective.Find(s, e)
		if !ok {
			continue
		}
		if limiting == nil {
			limiting = &t
		}
		if known || !t.Value.IsPercentage() {
			out.limit(e, t.Of(reading.Capacity))
		}
		if known && t.Met(reading) {
			out.Met = append(out.Met, e)
		}
		to := evictionReport{Eviction: e, Status: v.judge(t)}
		if known {
			to.Headroom, to.Ratio = distance(t, reading)
		}
		out.Evictions = append(out.Evictions, to)
	}
	if !known && limiting == nil {
		return
	}
	if known && limiting != nil {
		out.Headroom, out.Ratio = distance(*limiting, reading)
	}
	r.Signals = append(r.Signals, out)
	if out.Ratio != nil && limiting.Eviction == headroom.Hard && r.first(*out.Ratio) {
		r.First = s
	}
}

// distance returns how far a reading is from a threshold; there is no share of
// nothing.
func distance(t headroom.Threshold, r headroom.Reading) (room *int64, ratio *float64) {
	room = new(t.Headroom(r))
	if share, ok := t.Ratio(r); ok {
		ratio = &share
	}
	return room, ratio
}

func (s *signalReport) limit(e headroom.Eviction, at int64) {
	if e == headroom.Hard {
		s.Hard = &at
	} else {
		s.Soft = &at
	}
}

// first reports whether a ratio is lower than that of the first to trip so far.
func (r *report) first(ratio float64) bool {
	s := r.find(r.First)
	return s == nil || ratio < *s.Ratio
}

func (r *report) find(s headroom.Signal) *signalReport {
	for i := range r.Signals {
		if r.Signals[i].Signal == s {
			return &r.Signals[i]
		}
	}
	return nil
}

// disks adds each disk with its roles.
func (r *report) disks(v *view) {
	for _, role := range headroom.Filesystems {
		fs, ok := v.node.Filesystems[role]
		if !ok {
			continue
		}
		same := func(d diskReport) bool { return d.Disk == fs.Disk.String() && d.Mountpoint == fs.Mountpoint }
		if i := slices.IndexFunc(r.Filesystems, same); i >= 0 {
			r.Filesystems[i].Roles = append(r.Filesystems[i].Roles, role)
			continue
		}
		r.Filesystems = append(r.Filesystems, diskReport{fs.Disk.String(), []headroom.Filesystem{role}, fs.Mountpoint, fs.Device, fs.Type})
	}
}

// problems adds each problem that was found, with all its signals.
func (r *report) problems(findings []headroom.Finding) {
	for _, p := range headroom.Problems() {
		out := problemReport{Problem: p, Severity: p.Severity(), Meaning: p.Meaning(), Advice: p.Advice()}
		found := false
		for _, f := range findings {
			if f.Problem == p && f.Found {
				found = true
				if f.Signal != "" {
					out.Signals = append(out.Signals, f.Signal)
				}
			}
		}
		if found {
			r.Problems = append(r.Problems, out)
		}
	}
	// What somebody should act on comes first.
	slices.SortStableFunc(r.Problems, func(a, b problemReport) int {
		return cmp.Compare(number(a.Severity == headroom.Information), number(b.Severity == headroom.Information))
	})
}

// consumers adds the largest in the unit in which the node is shortest; where
// that is memory, or nothing is known, in bytes.
func (r *report) consumers(cs []headroom.Consumer) {
	unit := r.First.Unit()
	if unit == "" {
		unit = headroom.Bytes
	}
	r.Consumers = []consumerReport{}
	var all []headroom.Consumer
	for _, c := range cs {
		if c.Unit == unit {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b headroom.Consumer) int { return cmp.Compare(b.Used, a.Used) })
	for _, c := range all[:min(len(all), shownConsumers)] {
		r.Consumers = append(r.Consumers, consumerReport{c.Filesystem, c.Kind, c.Namespace, c.Pod, c.Container, c.Unit, c.Used})
	}
}
