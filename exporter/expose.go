package exporter

import (
	"strconv"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// A view is everything that one scrape shows.
type view struct {
	node   node.Snapshot
	layout *layout                // nil while unknown
	config *kubelet.Configuration // nil while unknown
	// How the thresholds were last read. There is a configuration without
	// success while the last good one is kept.
	configErr  error
	configTook time.Duration // 0 before the first time
}

// A layout is what the kubelet distinguishes about the disks of a node.
type layout struct {
	dedicated bool // images are on another disk than the kubelet's root directory
	split     bool // containers are on another disk than images
}

// expose adds what v shows.
func (x *exposition) expose(v view) {
	for _, r := range v.node.Readings {
		x.add(available.of(r.Signal), float64(r.Available), string(r.Signal))
		x.add(capacity.of(r.Signal), float64(r.Capacity), string(r.Signal))
	}
	for _, role := range headroom.Filesystems {
		if fs, ok := v.node.Filesystems[role]; ok {
			x.add(filesystemInfo, 1, string(role), fs.Mountpoint, fs.Device, fs.Type,
				strconv.FormatUint(uint64(fs.Disk.Major), 10), strconv.FormatUint(uint64(fs.Disk.Minor), 10))
		}
	}
	for _, r := range v.node.Readers {
		x.add(readSuccess, number(r.Err == nil), r.Name)
		x.add(readDuration, r.Duration.Seconds(), r.Name)
	}
	x.add(readSuccess, number(v.config != nil && v.configErr == nil), "thresholds")
	if v.configTook > 0 {
		x.add(readDuration, v.configTook.Seconds(), "thresholds")
	}
	if v.config != nil {
		x.configuration(v)
	}
}

// configuration adds what a kubelet's configuration says.
func (x *exposition) configuration(v view) {
	c := v.config
	x.add(thresholdsInfo, 1, c.Source, c.Version)
	x.add(thresholdsRead, float64(c.Read.UnixMilli())/1000)
	x.add(transitionPeriod, c.TransitionPeriod.Seconds())
	x.add(imageGCHigh, float64(c.ImageGCHigh)/100)
	x.add(imageGCLow, float64(c.ImageGCLow)/100)

	thresholds := c.Thresholds
	if v.layout != nil {
		thresholds = thresholds.WithContainerFS(v.layout.dedicated, v.layout.split)
	}
	for _, s := range allSignals {
		// What holds for containerfs follows from the disks.
		if s.Filesystem() == headroom.ContainerFS && v.layout == nil {
			continue
		}
		reading, known := find(v.node.Readings, s)
		var reclaim *headroom.Value
		for _, e := range headroom.Evictions {
			t, ok := thresholds.Find(s, e)
			x.add(thresholdEnabled, number(ok), string(s), string(e))
			if !ok {
				continue
			}
			x.threshold(t, reading, known)
			reclaim = t.MinReclaim
			if e == headroom.Hard && known && reading.Capacity > 0 && v.collectsFor(s) {
				begins := float64(101-c.ImageGCHigh) / 100
				x.add(imageGCMargin, begins-float64(t.Of(reading.Capacity))/float64(reading.Capacity), string(s))
			}
		}
		if reclaim != nil && (known || !reclaim.IsPercentage()) {
			x.add(minimumReclaim.of(s), float64(reclaim.Of(reading.Capacity)), string(s))
		}
	}
}

// threshold adds one threshold: its value where it is absolute or the capacity
// is known, and how the reading compares, if there is one.
func (x *exposition) threshold(t headroom.Threshold, r headroom.Reading, known bool) {
	s, e := string(t.Signal), string(t.Eviction)
	if known || !t.Value.IsPercentage() {
		x.add(threshold.of(t.Signal), float64(t.Of(r.Capacity)), s, e)
	}
	if t.Eviction == headroom.Soft {
		x.add(softGracePeriod, t.Grace.Seconds(), s)
	}
	if !known {
		return
	}
	x.add(thresholdMet, number(t.Met(r)), s, e)
	if share, ok := t.Ratio(r); ok {
		x.add(ratio, share, s, e)
	}
}

// collectsFor reports whether image garbage collection, which watches the space
// of the image filesystem, makes room for s. At 100 % it is off.
func (v view) collectsFor(s headroom.Signal) bool {
	if v.config.ImageGCHigh >= 100 {
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

var allSignals = headroom.Signals()

func find(readings []headroom.Reading, s headroom.Signal) (headroom.Reading, bool) {
	for _, r := range readings {
		if r.Signal == s {
			return r, true
		}
	}
	return headroom.Reading{}, false
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
