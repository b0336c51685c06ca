package remediator

import (
	"context"
	"fmt"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/remediator/engine"
)

// A reader puts what the node has beside what its kubelet demands.
type reader struct {
	node   *node.Node
	source *kubelet.Source
}

// Read returns a signal with its hard threshold, or why it cannot tell.
func (r reader) Read(ctx context.Context, s headroom.Signal) (engine.View, error) {
	config, err := r.source.Configuration()
	if err != nil {
		return engine.View{}, fmt.Errorf("thresholds: %w", err)
	}
	reading, disk, err := r.read(ctx, s)
	if err != nil {
		return engine.View{}, err
	}
	thresholds := config.Thresholds
	if s.Filesystem() == headroom.ContainerFS {
		if thresholds, err = r.withContainerFS(ctx, thresholds); err != nil {
			return engine.View{}, err
		}
	}
	t, ok := thresholds.FindAt(s, headroom.Hard, reading.Capacity)
	if !ok {
		return engine.View{}, fmt.Errorf("%s has no hard threshold", s)
	}
	ratio, ok := t.Ratio(reading)
	if !ok {
		return engine.View{}, fmt.Errorf("%s has a capacity of 0: its filesystem counts none", s)
	}
	state := headroom.State{
		Available: reading.Available,
		Capacity:  reading.Capacity,
		Threshold: t.Of(reading.Capacity),
		Ratio:     ratio,
		At:        reading.At,
	}
	return engine.View{State: state, Disk: disk, Floor: floor(config, t, state)}, nil
}

func (r reader) read(ctx context.Context, s headroom.Signal) (headroom.Reading, node.Disk, error) {
	role := s.Filesystem()
	if role == "" {
		reading, err := r.node.Signal(ctx, s)
		return reading, node.Disk{}, err
	}
	fs, err := r.node.Filesystem(ctx, role)
	if err != nil {
		return headroom.Reading{}, node.Disk{}, err
	}
	bytes, inodes := fs.Readings(role)
	if s.Unit() == headroom.Inodes {
		return inodes, fs.Disk, nil
	}
	return bytes, fs.Disk, nil
}

func (r reader) withContainerFS(ctx context.Context, ts headroom.Thresholds) (headroom.Thresholds, error) {
	var disks [3]node.Disk
	for i, role := range headroom.Filesystems {
		fs, err := r.node.Filesystem(ctx, role)
		if err != nil {
			return nil, err
		}
		disks[i] = fs.Disk
	}
	nodefs, imagefs, containerfs := disks[0], disks[1], disks[2]
	return ts.WithContainerFS(nodefs != imagefs, imagefs != containerfs), nil
}

// alertLevel is where HeadroomLow begins for signals that no image garbage
// collection helps.
const alertLevel = 0.05

// floor is the headroom ratio below which an episode must not stop: the kubelet
// keeps the pressure up until its minimum reclaim is back, and the alert
// HeadroomLow goes on firing below where image garbage collection begins, or
// below alertLevel where that could begin only after the eviction.
func floor(c *kubelet.Configuration, t headroom.Threshold, s headroom.State) float64 {
	level := alertLevel
	if !c.HardOnly && c.ImageGCHigh < 100 && t.Signal.Filesystem() != "" && t.Signal.Unit() == headroom.Bytes && s.Capacity > 0 {
		if margin := headroom.ImageGCMargin(c.ImageGCHigh, t, s.Capacity); margin > 0 {
			level = margin
		}
	}
	if t.MinReclaim != nil && s.Capacity > 0 {
		level = max(level, float64(t.MinReclaim.Of(s.Capacity))/float64(s.Capacity))
	}
	return level
}
