package main

import (
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// A row of the matrix is an incident: what fills a node of which disks how fast.
type row struct {
	fill  fill
	disks disks
	speed speed
}

// name is how a row is chosen and remembered, such as logs/two/burst.
func (r row) name() string {
	if r.speed.name == "" {
		return r.fill.name
	}
	return r.fill.name + "/" + r.disks.name + "/" + r.speed.name
}

// disks are what a node has.
type disks struct {
	name   string
	layout cluster.Layout
}

// diskSize is that of a disk: small, so that a fill is over in minutes. All shares
// are of what the filesystem counts as its capacity.
const diskSize = 1 << 30

var (
	oneDisk  = disks{"one", cluster.OneDisk.Sized(diskSize, 0)}
	twoDisks = disks{"two", cluster.TwoDisks.Sized(diskSize, diskSize)}
)

// A speed is how long a fill takes from its beginning to the kubelet's threshold.
type speed struct {
	name  string
	meets time.Duration
}

var (
	burst  = speed{"burst", 75 * time.Second}
	slowly = speed{"slow", 150 * time.Second}
)

const (
	// distance is how far above the threshold a fill begins, and beyond how far
	// below it would end if nobody did anything; shares of the capacity.
	distance = 0.25
	beyond   = 0.06
)

// lasts is how long a fill goes on.
func (s speed) lasts() time.Duration {
	return time.Duration(float64(s.meets) * (distance + beyond) / distance)
}

// fills are the ways in which a disk fills up.
var fills = []fill{logs, rotated, images, containers, journal, small, nobody}

// rows are the matrix: every fill on one disk and on two, in a burst and slowly,
// and a node to which nothing happens.
func rows() []row {
	var all []row
	for _, f := range fills {
		for _, d := range []disks{oneDisk, twoDisks} {
			for _, s := range []speed{burst, slowly} {
				all = append(all, row{f, d, s})
			}
		}
	}
	return append(all, row{fill: quiet, disks: twoDisks, speed: speed{"", slowly.meets}})
}

// settings is the kubelet's configuration where it is not its own default: for all
// nodes, and what a fill needs to be possible.
func (r row) settings() map[string]any {
	all := map[string]any{"evictionPressureTransitionPeriod": transition.String()}
	for key, value := range r.fill.kubelet {
		all[key] = value
	}
	return all
}

// transition is how long a kubelet keeps up a pressure that is over: 30 seconds
// here, and five minutes by default. A play ends after it.
const transition = 30 * time.Second

// layout is the row's disks as its fill needs them.
func (r row) layout() cluster.Layout {
	l := r.disks.layout
	if r.fill.size > 0 {
		l = l.Sized(r.fill.size, r.fill.size)
	}
	l.Nodefs.Options = r.fill.nodefs
	return l
}

// parameters is all of a row that decides how it is played: a result counts only
// for a row that has the same.
func (r row) parameters() any {
	return struct {
		Name            string
		Layout          cluster.Layout
		Kubelet         map[string]any
		Flags           []string
		Meets           time.Duration
		Distance        float64
		Beyond          float64
		Disk, Unit      string
		Version, Matrix int
	}{r.name(), r.layout(), r.settings(), r.fill.flags, r.speed.meets, distance, beyond, r.fill.disk, r.fill.unit, r.fill.version, version}
}

// version is raised when plays are no longer played or measured as before; a fill
// has one of its own.
const version = 1
