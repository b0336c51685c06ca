package headroom

import "time"

// A Reading is what a node had left of one signal at one moment. What could
// not be read has no Reading: there is no zero that means unknown.
type Reading struct {
	Signal Signal
	// Available is what the kubelet would compare with a threshold, in the
	// signal's unit. It can be negative: more tasks than pid_max, more memory
	// than a limit.
	Available int64
	// Capacity is what a percentage is taken of. 0 where a filesystem does not
	// count inodes.
	Capacity int64
	// At is when it was read.
	At time.Time
}
