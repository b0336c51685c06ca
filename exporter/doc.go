// Package exporter publishes how far a node is from eviction: its signals, the
// kubelet's thresholds and the headroom between them, as Prometheus metrics that
// are read when they are asked for.
//
// What a kubelet and a container runtime say is asked for in the background; a
// scrape waits for nobody but the kernel. Check says in the terminal what the
// metrics say.
//
// What is unknown is an absent series and a headroom_read_success of 0, never a
// zero.
package exporter
