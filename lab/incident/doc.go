// Package incident plays the story that Headroom was written for, on a real node
// and with nothing of Headroom acting: nodefs fills up while the image filesystem
// beside it is almost empty, the kubelet puts up DiskPressure and evicts every
// pod. The shipped rules must have said so before.
//
// A fill of two minutes is played live (tag e2e; root). What Prometheus scraped
// of it is a [Fall], and that is stretched to fills of ten minutes, an hour and a
// day, which promtool plays to the same rules.
package incident
