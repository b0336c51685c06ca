package exporter

import (
	"fmt"
	"strings"

	"github.com/nodeheadroom/headroom"
)

// A metric is a row of the table below. All are gauges.
type metric struct {
	name   string
	labels []string
	help   string
}

// An id is a metric's place in the table.
type id int

// The metrics, in the order of their names: that is the order of an exposition.
const (
	filesystemInfo id = iota
	imageGCHigh
	imageGCLow
	imageGCMargin
	minimumReclaimBytes
	minimumReclaimInodes
	minimumReclaimPIDs
	transitionPeriod
	ratio
	readDuration
	readSuccess
	availableBytes
	availableInodes
	availablePIDs
	capacityBytes
	capacityInodes
	capacityPIDs
	softGracePeriod
	thresholdBytes
	thresholdEnabled
	thresholdInodes
	thresholdMet
	thresholdPIDs
	thresholdsInfo
	thresholdsRead
	metricCount
)

// metrics is the one place where a metric's name, labels and help are written.
var metrics = [metricCount]metric{
	filesystemInfo: {"headroom_filesystem_info", []string{"filesystem", "mountpoint", "device", "fstype", "major", "minor"},
		"Which disk a filesystem role lives on; major and minor identify it. Always 1."},
	imageGCHigh: {"headroom_image_gc_high_threshold_ratio", nil,
		"Share of the image filesystem in use at which the kubelet begins to remove unused images; 1 switches that off."},
	imageGCLow: {"headroom_image_gc_low_threshold_ratio", nil,
		"Share of the image filesystem in use at which the kubelet stops removing unused images."},
	imageGCMargin: {"headroom_image_gc_margin_ratio", []string{"signal"},
		"How far above the hard threshold image garbage collection begins, as a share of capacity; at 0 or less pods are evicted first. Absent where it is off or does not help the signal."},
	minimumReclaimBytes: {"headroom_minimum_reclaim_bytes", []string{"signal"},
		"How far above its threshold the kubelet goes on reclaiming, where that is configured."},
	minimumReclaimInodes: {"headroom_minimum_reclaim_inodes", []string{"signal"},
		"How far above its threshold the kubelet goes on reclaiming, where that is configured."},
	minimumReclaimPIDs: {"headroom_minimum_reclaim_pids", []string{"signal"},
		"How far above its threshold the kubelet goes on reclaiming, where that is configured."},
	transitionPeriod: {"headroom_pressure_transition_period_seconds", nil,
		"How long a pressure condition of the node outlasts its cause."},
	ratio: {"headroom_ratio", []string{"signal", "eviction"},
		"Headroom as a share of capacity: (available - threshold) / capacity; negative once the threshold is met."},
	readDuration: {"headroom_read_duration_seconds", []string{"reader"},
		"How long a reader took, or was waited for; for thresholds, which are read in the background, the last time."},
	readSuccess: {"headroom_read_success", []string{"reader"},
		"Whether a reader succeeded: 1 or 0."},
	availableBytes: {"headroom_signal_available_bytes", []string{"signal"},
		"What the kubelet would compare with a threshold of an eviction signal now."},
	availableInodes: {"headroom_signal_available_inodes", []string{"signal"},
		"What the kubelet would compare with a threshold of an eviction signal now."},
	availablePIDs: {"headroom_signal_available_pids", []string{"signal"},
		"What the kubelet would compare with a threshold of an eviction signal now."},
	capacityBytes: {"headroom_signal_capacity_bytes", []string{"signal"},
		"What a percentage of an eviction signal is taken of."},
	capacityInodes: {"headroom_signal_capacity_inodes", []string{"signal"},
		"What a percentage of an eviction signal is taken of; 0 where the filesystem counts no inodes."},
	capacityPIDs: {"headroom_signal_capacity_pids", []string{"signal"},
		"What a percentage of an eviction signal is taken of."},
	softGracePeriod: {"headroom_soft_grace_period_seconds", []string{"signal"},
		"How long a soft threshold must have been met before pods are evicted."},
	thresholdBytes: {"headroom_threshold_bytes", []string{"signal", "eviction"},
		"Below this the kubelet acts, rounded as it rounds."},
	thresholdEnabled: {"headroom_threshold_enabled", []string{"signal", "eviction"},
		"Whether the kubelet has a threshold: 1 or 0. Absent while that is unknown."},
	thresholdInodes: {"headroom_threshold_inodes", []string{"signal", "eviction"},
		"Below this the kubelet acts, rounded as it rounds."},
	thresholdMet: {"headroom_threshold_met", []string{"signal", "eviction"},
		"Whether available is below the threshold: 1 or 0. Soft thresholds count before their grace period is over."},
	thresholdPIDs: {"headroom_threshold_pids", []string{"signal", "eviction"},
		"Below this the kubelet acts, rounded as it rounds."},
	thresholdsInfo: {"headroom_thresholds_info", []string{"source", "kubelet_version"},
		"Where the thresholds are from: configz, files or assumed. Always 1; absent while there are none."},
	thresholdsRead: {"headroom_thresholds_read_timestamp_seconds", nil,
		"When the source of the thresholds was last read, in seconds since 1970."},
}

// The same measure in the units it comes in.
var (
	available      = perUnit{availableBytes, availableInodes, availablePIDs}
	capacity       = perUnit{capacityBytes, capacityInodes, capacityPIDs}
	threshold      = perUnit{thresholdBytes, thresholdInodes, thresholdPIDs}
	minimumReclaim = perUnit{minimumReclaimBytes, minimumReclaimInodes, minimumReclaimPIDs}
)

type perUnit struct{ bytes, inodes, pids id }

func (p perUnit) of(s headroom.Signal) id {
	switch s.Unit() {
	case headroom.Inodes:
		return p.inodes
	case headroom.PIDs:
		return p.pids
	}
	return p.bytes
}

// Table renders the metrics as a table in Markdown. The README shows it.
func Table() string {
	var b strings.Builder
	b.WriteString("| metric | labels | |\n|---|---|---|\n")
	for _, m := range metrics {
		labels := "–"
		if len(m.labels) > 0 {
			labels = strings.Join(m.labels, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.name, labels, m.help)
	}
	fmt.Fprintf(&b, "| `%s_build_info` | version, revision, branch, goversion, goos, goarch, tags | What this program was built from. Always 1. |\n", namespace)
	return b.String()
}

// namespace is of the metric about the program itself.
const namespace = "headroom_exporter"
