package exporter

import (
	"strconv"

	"github.com/nodeheadroom/headroom"
)

// expose adds what changes from scrape to scrape. The page has the rest, and the
// thresholds in force; met says that one of them is.
func (x *exposition) expose(v *view, p *page) (met bool) {
	for _, r := range v.node.Readings {
		u := r.Signal.Unit()
		x.add(available.of(u), float64(r.Available), string(r.Signal))
		x.add(capacity.of(u), float64(r.Capacity), string(r.Signal))
	}
	for _, r := range v.node.Readers {
		x.add(readSuccess, number(r.Err == nil), r.Name)
		x.add(readDuration, r.Duration.Seconds(), r.Name)
	}
	for _, r := range v.background {
		x.add(readSuccess, number(r.Err == nil), r.Name)
		if r.Duration > 0 { // it was read before
			x.add(readDuration, r.Duration.Seconds(), r.Name)
		}
	}
	if v.config == nil {
		return false
	}
	x.add(thresholdsRead, float64(v.config.Read.UnixMilli())/1000)
	for i, t := range p.thresholds {
		reading, known := find(v.node.Readings, t.Signal)
		met = x.threshold(t, reading, known) || met
		if t.Eviction == headroom.Hard && known && reading.Capacity > 0 && v.collectsFor(t.Signal) {
			x.add(imageGCMargin, headroom.ImageGCMargin(v.config.ImageGCHigh, t, reading.Capacity), string(t.Signal))
		}
		if p.reclaims(i) && (known || !t.MinReclaim.IsPercentage()) {
			x.add(minimumReclaim.of(t.Signal.Unit()), float64(t.MinReclaim.Of(reading.Capacity)), string(t.Signal))
		}
	}
	return met
}

// threshold adds one threshold: its value where it is absolute or the capacity
// is known, and how the reading compares, if there is one: whether it is met.
func (x *exposition) threshold(t headroom.Threshold, r headroom.Reading, known bool) (met bool) {
	s, e := string(t.Signal), string(t.Eviction)
	if known || !t.Value.IsPercentage() {
		x.add(threshold.of(t.Signal.Unit()), float64(t.Of(r.Capacity)), s, e)
	}
	if !known {
		return false
	}
	met = t.Met(r)
	x.add(thresholdMet, number(met), s, e)
	if share, ok := t.Ratio(r); ok {
		x.add(ratio, share, s, e)
	}
	return met
}

// collectsFor reports whether image garbage collection, which watches the space
// of the image filesystem, is known to make room for s. At 100 % it is off.
func (v *view) collectsFor(s headroom.Signal) bool {
	if v.config.HardOnly || v.config.ImageGCHigh >= 100 {
		return false
	}
	switch s {
	case headroom.ImageFSAvailable:
		return true
	case headroom.NodeFSAvailable:
		return v.layout != nil && !v.layout.dedicated
	}
	return false
}

// exposeStanding adds what stays the same from scrape to scrape.
func (x *exposition) exposeStanding(v *view, effective headroom.Thresholds) {
	for _, role := range headroom.Filesystems {
		if fs, ok := v.node.Filesystems[role]; ok {
			x.add(filesystemInfo, 1, string(role), fs.Mountpoint, fs.Device, fs.Type,
				strconv.FormatUint(uint64(fs.Disk.Major), 10), strconv.FormatUint(uint64(fs.Disk.Minor), 10))
		}
	}
	if v.config != nil {
		x.configuration(v, effective)
	}
	for _, f := range v.findings(effective) {
		x.add(configProblem, number(f.Found), string(f.Problem), string(f.Signal))
	}
	if v.seen != nil {
		x.seen(v.seen)
	}
	if v.counts != nil {
		for _, c := range v.counts.evictions {
			x.add(evictionsTotal, float64(c.pods), c.signal)
		}
	}
}

// configuration adds what a kubelet's configuration says.
func (x *exposition) configuration(v *view, effective headroom.Thresholds) {
	c := v.config
	x.add(thresholdsInfo, 1, c.Source, c.Version)
	known := headroom.Evictions
	if c.HardOnly {
		known = []headroom.Eviction{headroom.Hard}
	} else {
		x.add(transitionPeriod, c.TransitionPeriod.Seconds())
		x.add(imageGCHigh, float64(c.ImageGCHigh)/100)
		x.add(imageGCLow, float64(c.ImageGCLow)/100)
	}
	for _, s := range allSignals {
		// What holds for containerfs follows from the disks.
		if s.Filesystem() == headroom.ContainerFS && v.layout == nil {
			continue
		}
		for _, e := range known {
			t, ok := effective.Find(s, e)
			x.add(thresholdEnabled, number(ok), string(s), string(e))
			if ok && e == headroom.Soft {
				x.add(softGracePeriod, t.Grace.Seconds(), string(s))
			}
		}
	}
}

// seen adds what the kubelet sees itself.
func (x *exposition) seen(s *seen) {
	for _, d := range s.divergences {
		x.add(divergenceRatio, d.Available, string(d.Signal), "available")
		x.add(divergenceRatio, d.Capacity, string(d.Signal), "capacity")
	}
	for _, c := range s.consumers {
		x.add(consumer.of(c.Unit), float64(c.Used), string(c.Filesystem), string(c.Kind), c.Namespace, c.Pod, c.Container)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
