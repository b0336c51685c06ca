package exporter

import (
	"bytes"
	"compress/flate"
	"hash/crc32"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// A page is the part of an exposition that stays the same for minutes, and it is
// most of one: written and compressed when something changes, not when somebody
// scrapes. It does not change; safe for concurrent use.
type page struct {
	text     []byte
	deflated []byte // text, up to a boundary of bytes, to be followed by more
	sum      uint32 // text's CRC-32
	// thresholds are those in force, in the order of signals.
	thresholds headroom.Thresholds

	// What it was made of; see holds.
	config      atomic.Pointer[kubelet.Configuration] // or an equal one
	layout      *layout
	filesystems map[headroom.Filesystem]node.Filesystem
	capacities  []headroom.Reading
	seen        *seen
	counts      *counts
}

// newPage writes what v shows that stays, after first.
func newPage(v *view, first []byte, packer *flate.Writer) *page {
	effective := v.thresholds()
	x := &exposition{}
	x.exposeStanding(v, effective)
	p := &page{
		text:        x.text(first),
		thresholds:  inOrder(effective, v),
		layout:      v.layout,
		filesystems: v.node.Filesystems,
		capacities:  v.node.Readings,
		seen:        v.seen,
		counts:      v.counts,
	}
	p.config.Store(v.config)
	p.sum = crc32.ChecksumIEEE(p.text)
	var packed bytes.Buffer
	packer.Reset(&packed)
	packer.Write(p.text) // into memory: no errors
	packer.Flush()
	p.deflated = packed.Bytes()
	return p
}

// inOrder returns thresholds in the order of signals, one of each kind, without
// those of containerfs while the disks, from which they follow, are unknown.
func inOrder(ts headroom.Thresholds, v *view) headroom.Thresholds {
	var ordered headroom.Thresholds
	for _, s := range allSignals {
		reading, _ := find(v.node.Readings, s)
		for _, e := range headroom.Evictions {
			if t, ok := ts.FindAt(s, e, reading.Capacity); ok && (v.layout != nil || s.Filesystem() != headroom.ContainerFS) {
				ordered = append(ordered, t)
			}
		}
	}
	return ordered
}

// reclaims reports whether the threshold at i tells its signal's minimum reclaim,
// which hard and soft ones have in common.
func (p *page) reclaims(i int) bool {
	t := p.thresholds[i]
	last := i+1 == len(p.thresholds) || p.thresholds[i+1].Signal != t.Signal
	return t.MinReclaim != nil && last
}

// holds reports whether p is what would be written of v.
func (p *page) holds(v *view) bool {
	return p.seen == v.seen && p.counts == v.counts &&
		(p.layout == v.layout || p.layout != nil && v.layout != nil && *p.layout == *v.layout) &&
		p.sameFilesystems(v.node.Filesystems) && p.sameCapacities(v.node.Readings) && p.sameConfig(v.config)
}

func (p *page) sameFilesystems(fs map[headroom.Filesystem]node.Filesystem) bool {
	if len(fs) != len(p.filesystems) {
		return false
	}
	for role, a := range fs {
		b, ok := p.filesystems[role]
		if !ok || a.Disk != b.Disk || a.Mountpoint != b.Mountpoint || a.Device != b.Device || a.Type != b.Type {
			return false
		}
	}
	return true
}

// sameCapacities allows for a percent: xfs counts other inodes with every file,
// and no problem depends on that.
func (p *page) sameCapacities(readings []headroom.Reading) bool {
	return slices.EqualFunc(p.capacities, readings, func(a, b headroom.Reading) bool {
		off := a.Capacity - b.Capacity
		return a.Signal == b.Signal && max(off, -off) <= a.Capacity/100
	})
}

// sameConfig knows a configuration that was read again and says the same.
func (p *page) sameConfig(c *kubelet.Configuration) bool {
	had := p.config.Load()
	switch {
	case had == c:
		return true
	case had == nil || c == nil || !reflect.DeepEqual(timeless(had), timeless(c)):
		return false
	}
	p.config.Store(c) // it is recognized faster the next time
	return true
}

// timeless is c without when it was read.
func timeless(c *kubelet.Configuration) *kubelet.Configuration {
	if c == nil {
		return nil
	}
	t := *c
	t.Read, t.OnDisk = time.Time{}, timeless(c.OnDisk)
	return &t
}
