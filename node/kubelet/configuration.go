package kubelet

import (
	"time"

	"github.com/nodeheadroom/headroom"
)

// A Configuration is what a kubelet's configuration says about eviction and
// image garbage collection, with the kubelet's defaults filled in. It is shared
// and not to be changed.
type Configuration struct {
	// Thresholds are those of the configuration. What the kubelet gives itself
	// for containerfs depends on the disks: see
	// headroom.Thresholds.WithContainerFS.
	Thresholds headroom.Thresholds
	// HardOnly says that of the thresholds only the hard ones are known, without
	// minimum reclaims, and nothing of TransitionPeriod, ImageGCHigh and ImageGCLow:
	// a log tells no more.
	HardOnly bool
	// TransitionPeriod is how long a node condition outlasts its cause.
	TransitionPeriod time.Duration
	// ImageGCHigh and ImageGCLow are percentages of the image filesystem in use:
	// from the first on, unused images are removed until the second is reached.
	// 100 as the first switches that off.
	ImageGCHigh, ImageGCLow int
	// Hard is evictionHard as the kubelet runs with it, unparsed: what is not
	// there was left out, and "0%" was switched off on purpose. Nil where the
	// source does not tell.
	Hard map[string]string
	// HugePages says that memory set aside as huge pages is taken from
	// memory.available (the feature gate HugepageAwareEviction, on since 1.37).
	HugePages bool
	// PodCgroups are the names that the cgroup of all pods may have, the
	// likeliest first; see node.Facts.
	PodCgroups []string
	// RootDir is the kubelet's root directory, empty where the source does not
	// tell: only the command line does.
	RootDir string
	// RuntimeEndpoint is the container runtime's socket as the kubelet knows it
	// ("unix:///run/containerd/containerd.sock"), empty where it is not known.
	RuntimeEndpoint string
	// OnDisk is what the files and flags of the running kubelet would make of it
	// if it started now, nil where they cannot be read. It has no OnDisk itself.
	OnDisk *Configuration
	// Source is configz, files, flags, log or assumed.
	Source string
	// Version is the running kubelet's ("v1.37.2"), empty where it is not known.
	Version string
	// Read is when the source last said so.
	Read time.Time

	// eviction is what Thresholds come from, empty where only they are known.
	eviction headroom.EvictionConfig
	// ignoresPods says that ignorePods was called.
	ignoresPods bool
}

// The sources of a Configuration, as metrics name them.
const (
	FromConfigz = "configz"
	FromFiles   = "files"
	FromFlags   = "flags" // a running kubelet's command line, and the files it names
	FromLog     = "log"
	Assumed     = "assumed"
)

// ignorePods takes back the threshold that the pods' cgroup has by
// enforceNodeAllocatable: --experimental-allocatable-ignore-eviction was given.
func (c *Configuration) ignorePods() {
	c.eviction.EnforcePods = false
	if thresholds, err := c.eviction.Thresholds(); err == nil { // they were parsed before
		c.Thresholds = thresholds
	}
	c.ignoresPods = true
}

// beside adds what the command line and the files of the kubelet say to what it
// says itself.
func (c *Configuration) beside(disk *Configuration) {
	c.RootDir = disk.RootDir
	if c.RuntimeEndpoint == "" {
		c.RuntimeEndpoint = disk.RuntimeEndpoint
	}
	if disk.ignoresPods {
		c.ignorePods()
	}
	// Of a process, which began with something else maybe. One file alone would
	// say that a restart is pending wherever drop-ins or flags differ from it.
	c.OnDisk = disk.OnDisk
}
