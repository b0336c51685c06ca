package exporter

import (
	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// A view is everything that is known of a node at one moment.
type view struct {
	node   node.Snapshot
	layout *layout                // nil while unknown
	config *kubelet.Configuration // nil while unknown; kept for a while when its source fails
	seen   *seen                  // nil while unknown
	counts *counts                // nil while unknown
	// background says how those were last read that are not read for the view.
	background []node.ReaderResult
}

// A layout is what the kubelet distinguishes about the disks of a node.
type layout struct {
	dedicated bool // images are on another disk than the kubelet's root directory
	split     bool // containers are on another disk than images
}

// layoutOf returns how the disks lie, or nil while one of them is unknown.
func layoutOf(fs map[headroom.Filesystem]node.Filesystem) *layout {
	nodefs, ok1 := fs[headroom.NodeFS]
	imagefs, ok2 := fs[headroom.ImageFS]
	containerfs, ok3 := fs[headroom.ContainerFS]
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	return &layout{dedicated: nodefs.Disk != imagefs.Disk, split: containerfs.Disk != imagefs.Disk}
}

// thresholds returns those in force: with containerfs's once the disks are known.
func (v *view) thresholds() headroom.Thresholds {
	switch {
	case v.config == nil:
		return nil
	case v.layout == nil:
		return v.config.Thresholds
	}
	return v.config.Thresholds.WithContainerFS(v.layout.dedicated, v.layout.split)
}

// findings says which problems the node has and which it has not.
func (v *view) findings(effective headroom.Thresholds) []headroom.Finding {
	s := headroom.Setup{Effective: effective, Readings: v.node.Readings}
	if v.layout != nil {
		s.OneDisk = new(!v.layout.dedicated)
	}
	if v.seen != nil {
		s.Divergences = v.seen.divergences
	}
	if v.config != nil {
		s.Settings = settings(v.config)
		if v.config.OnDisk != nil {
			s.OnDisk = new(settings(v.config.OnDisk))
		}
	}
	return s.Findings()
}

func settings(c *kubelet.Configuration) headroom.Settings {
	return headroom.Settings{
		Hard:             c.Hard,
		Thresholds:       c.Thresholds,
		ImageGCHigh:      c.ImageGCHigh,
		ImageGCLow:       c.ImageGCLow,
		TransitionPeriod: c.TransitionPeriod,
		HugePages:        c.HugePages,
		Version:          c.Version,
	}
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
