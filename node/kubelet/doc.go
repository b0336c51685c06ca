// Package kubelet finds the eviction thresholds a node's kubelet runs with: from
// the running kubelet's /configz, or from a KubeletConfiguration file, read and
// refused as the kubelet would.
//
// Nothing here is on the path of a scrape or of a decision: a Source reads in
// the background and hands out what it read last.
package kubelet
