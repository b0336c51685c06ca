package exporter

import (
	"github.com/nodeheadroom/headroom"
)

// A metric is a row of the table below.
type metric struct {
	name   string
	kind   string // Prometheus's type
	unit   string
	labels []string
	help   string
	source string // where the number is from
}

// An id is a metric's place in the table.
type id int

// The metrics, in the order of their names.
const (
	configProblem id = iota
	consumerBytes
	consumerInodes
	consumerPIDs
	evictionsTotal
	filesystemInfo
	imageGCHigh
	imageGCLow
	imageGCMargin
	divergenceRatio
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

const (
	gauge   = "gauge"
	counter = "counter"
)

// Where numbers are from.
const (
	ofStatfs  = "statfs"
	ofKernel  = "statfs, procfs, cgroups"
	ofProcfs  = "procfs"
	ofKubelet = "kubelet's configuration"
	ofBoth    = "kubelet's configuration and the signal"
	ofSummary = "kubelet's /stats/summary"
	ofMetrics = "kubelet's /metrics"
	ofItself  = "this program"
)

var (
	bySignal   = []string{"signal"}
	byEviction = []string{"signal", "eviction"}
	byReader   = []string{"reader"}
	byConsumer = []string{"filesystem", "kind", "namespace", "pod", "container"}
)

// Help of the metrics that come in several units.
const (
	helpAvailable = "What the kubelet would compare with a threshold of an eviction signal now."
	helpCapacity  = "What a percentage of an eviction signal is taken of."
	helpThreshold = "Below this the kubelet acts, rounded as it rounds."
	helpReclaim   = "How far above its threshold the kubelet goes on reclaiming, where that is configured."
	helpConsumer  = "Who uses most of it: the largest of each filesystem, as many as --consumers says. All images are one consumer."
)

// metrics is the one place where everything about a metric is written.
var metrics = [metricCount]metric{
	configProblem: {"headroom_config_problem", gauge, "0 or 1", []string{"problem", "signal"},
		"Whether the kubelet's configuration has a problem: 1 or 0; without a signal it concerns all of them. Absent while unknown.", "kubelet's configuration, disks, /stats/summary"},
	consumerBytes:  {"headroom_consumer_bytes", gauge, "bytes", byConsumer, helpConsumer, ofSummary},
	consumerInodes: {"headroom_consumer_inodes", gauge, "inodes", byConsumer, helpConsumer, ofSummary},
	consumerPIDs: {"headroom_consumer_pids", gauge, "processes", byConsumer,
		"The pods with most processes, as many as --consumers says. Threads, which pid.available counts as well, are not in it.", ofSummary},
	evictionsTotal: {"headroom_evictions_total", counter, "pods", bySignal,
		"Pods that the kubelet has evicted since it started, by what it was short of: a signal, or the limit of a single pod.", ofMetrics},
	filesystemInfo: {"headroom_filesystem_info", gauge, "always 1", []string{"filesystem", "mountpoint", "device", "fstype", "major", "minor"},
		"Which disk a filesystem role lives on; major and minor identify it. Always 1.", "statx, mountinfo"},
	imageGCHigh: {"headroom_image_gc_high_threshold_ratio", gauge, "ratio", nil,
		"Share of the image filesystem in use at which the kubelet begins to remove unused images; 1 switches that off.", ofKubelet},
	imageGCLow: {"headroom_image_gc_low_threshold_ratio", gauge, "ratio", nil,
		"Share of the image filesystem in use at which the kubelet stops removing unused images.", ofKubelet},
	imageGCMargin: {"headroom_image_gc_margin_ratio", gauge, "ratio of capacity", bySignal,
		"How far above the hard threshold image garbage collection begins, as a share of capacity; at 0 or less pods are evicted first. Absent where it is off or does not help the signal.", ofBoth},
	divergenceRatio: {"headroom_kubelet_divergence_ratio", gauge, "ratio of capacity", []string{"signal", "of"},
		"How far the kubelet's own view lies from the node's, (kubelet - node) / the node's capacity, when the kubelet was last asked; of is available or capacity.", "kubelet's /stats/summary, and the signal at that moment"},
	minimumReclaimBytes:  {"headroom_minimum_reclaim_bytes", gauge, "bytes", bySignal, helpReclaim, ofKubelet},
	minimumReclaimInodes: {"headroom_minimum_reclaim_inodes", gauge, "inodes", bySignal, helpReclaim, ofKubelet},
	minimumReclaimPIDs:   {"headroom_minimum_reclaim_pids", gauge, "pids", bySignal, helpReclaim, ofKubelet},
	transitionPeriod: {"headroom_pressure_transition_period_seconds", gauge, "seconds", nil,
		"How long a pressure condition of the node outlasts its cause.", ofKubelet},
	ratio: {"headroom_ratio", gauge, "ratio of capacity", byEviction,
		"Headroom as a share of capacity: (available - threshold) / capacity; negative once the threshold is met.", ofBoth},
	readDuration: {"headroom_read_duration_seconds", gauge, "seconds", byReader,
		"How long a reader took, or was waited for; for thresholds, runtime, summary and metrics, which are read in the background, the last time.", ofItself},
	readSuccess: {"headroom_read_success", gauge, "0 or 1", byReader,
		"Whether a reader succeeded: 1 or 0.", ofItself},
	availableBytes:  {"headroom_signal_available_bytes", gauge, "bytes", bySignal, helpAvailable, ofKernel},
	availableInodes: {"headroom_signal_available_inodes", gauge, "inodes", bySignal, helpAvailable, ofStatfs},
	availablePIDs:   {"headroom_signal_available_pids", gauge, "pids", bySignal, helpAvailable, ofProcfs},
	capacityBytes:   {"headroom_signal_capacity_bytes", gauge, "bytes", bySignal, helpCapacity, ofKernel},
	capacityInodes: {"headroom_signal_capacity_inodes", gauge, "inodes", bySignal,
		"What a percentage of an eviction signal is taken of; 0 where the filesystem counts no inodes.", ofStatfs},
	capacityPIDs: {"headroom_signal_capacity_pids", gauge, "pids", bySignal, helpCapacity, ofProcfs},
	softGracePeriod: {"headroom_soft_grace_period_seconds", gauge, "seconds", bySignal,
		"How long a soft threshold must have been met before pods are evicted.", ofKubelet},
	thresholdBytes: {"headroom_threshold_bytes", gauge, "bytes", byEviction, helpThreshold, ofKubelet},
	thresholdEnabled: {"headroom_threshold_enabled", gauge, "0 or 1", byEviction,
		"Whether the kubelet has a threshold: 1 or 0. Absent while that is unknown.", ofKubelet},
	thresholdInodes: {"headroom_threshold_inodes", gauge, "inodes", byEviction, helpThreshold, ofKubelet},
	thresholdMet: {"headroom_threshold_met", gauge, "0 or 1", byEviction,
		"Whether available is below the threshold: 1 or 0. Soft thresholds count before their grace period is over.", ofBoth},
	thresholdPIDs: {"headroom_threshold_pids", gauge, "pids", byEviction, helpThreshold, ofKubelet},
	thresholdsInfo: {"headroom_thresholds_info", gauge, "always 1", []string{"source", "kubelet_version"},
		"Where the thresholds are from: configz, files, flags, log or assumed. Always 1; absent while there are none.", ofItself},
	thresholdsRead: {"headroom_thresholds_read_timestamp_seconds", gauge, "seconds", nil,
		"When the source of the thresholds was last read, in seconds since 1970.", ofItself},
}

// The same measure in the units it comes in.
var (
	available      = perUnit{availableBytes, availableInodes, availablePIDs}
	capacity       = perUnit{capacityBytes, capacityInodes, capacityPIDs}
	threshold      = perUnit{thresholdBytes, thresholdInodes, thresholdPIDs}
	minimumReclaim = perUnit{minimumReclaimBytes, minimumReclaimInodes, minimumReclaimPIDs}
	consumer       = perUnit{consumerBytes, consumerInodes, consumerPIDs}
)

type perUnit struct{ bytes, inodes, pids id }

func (p perUnit) of(u headroom.Unit) id {
	switch u {
	case headroom.Inodes:
		return p.inodes
	case headroom.PIDs:
		return p.pids
	}
	return p.bytes
}
