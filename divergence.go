package headroom

// A Divergence is how far the kubelet's view of a signal is from the node's.
// Both parts are shares of the node's capacity, negative where the kubelet sees
// less. What the kubelet sees is some seconds old.
type Divergence struct {
	Signal              Signal
	Available, Capacity float64
}

// Diverge compares two readings of one signal. ok is false where the node's
// capacity is 0: there is no share of nothing.
func Diverge(kubelet, node Reading) (d Divergence, ok bool) {
	if node.Capacity <= 0 {
		return Divergence{}, false
	}
	share := func(a, b int64) float64 { return (float64(a) - float64(b)) / float64(node.Capacity) }
	return Divergence{
		Signal:    node.Signal,
		Available: share(kubelet.Available, node.Available),
		Capacity:  share(kubelet.Capacity, node.Capacity),
	}, true
}
