// Package remedies tries the remedies on real nodes: what they remove from a real
// runtime, and what pods and the kubelet make of it.
package remedies
