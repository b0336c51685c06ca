package node

import "github.com/nodeheadroom/headroom"

// Facts are what decides about how a node is read. They change when its kubelet
// or its runtime starts anew.
type Facts struct {
	// Paths holds, for each role that is to be read, a path on its filesystem.
	// A role left out, or with an empty path, has no readings.
	Paths map[headroom.Filesystem]string
	// HugePages says that the kubelet takes memory set aside as huge pages from
	// memory.available, as it does since 1.37.
	HugePages bool
	// PodCgroups are the names that the cgroup of all pods may have below
	// Host.Cgroup (or a v1 controller's folder there), the likeliest first:
	// "/kubepods". "/" is the root, where a kubelet with cgroupsPerQOS off has
	// them. Without any, allocatableMemory.available is not read.
	PodCgroups []string
}

// Fixed returns a Config.Facts for a node of which nothing but the paths is known.
func Fixed(paths map[headroom.Filesystem]string) func() Facts {
	return func() Facts { return Facts{Paths: paths} }
}
