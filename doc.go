// Package headroom holds the words of this project and their arithmetic: the
// kubelet's eviction signals, the thresholds it acts on, what was read of a
// node, and the headroom between the two.
//
// Headroom is available minus threshold, in the signal's own unit. Divided by
// capacity it becomes the one number that compares across signals; negative
// means the kubelet has begun to evict.
//
// Nothing here does I/O. Package node reads a node; node/kubelet finds the
// thresholds a kubelet runs with; exporter publishes both; remediator makes
// room.
//
// The rules are those of the kubelet's eviction manager (pkg/kubelet/eviction
// in k8s.io/kubernetes), to the byte: how a threshold is written, which ones it
// refuses, how a percentage is rounded, and that a signal which equals its
// threshold has not met it.
package headroom
