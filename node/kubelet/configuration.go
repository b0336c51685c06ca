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
	// TransitionPeriod is how long a node condition outlasts its cause.
	TransitionPeriod time.Duration
	// ImageGCHigh and ImageGCLow are percentages of the image filesystem in use:
	// from the first on, unused images are removed until the second is reached.
	// 100 as the first switches that off.
	ImageGCHigh, ImageGCLow int
	// Source is configz, files or assumed.
	Source string
	// Version is the running kubelet's ("v1.37.2"), empty where it is not known.
	Version string
	// Read is when the source last said so.
	Read time.Time
}

// The sources of a Configuration, as metrics name them.
const (
	FromConfigz = "configz"
	FromFiles   = "files"
	Assumed     = "assumed"
)
