package exporter

import (
	"time"

	"github.com/nodeheadroom/headroom"
)

type thresholds = headroom.Thresholds

// shownConsumers is how many consumers check shows.
const shownConsumers = 10

// A report is what check says; its JSON is for programs. Unknown is left out.
type report struct {
	Time    time.Time `json:"time"`
	Verdict Verdict   `json:"status"`  // as the exit status
	Says    string    `json:"verdict"` // in words
	// First is the signal that is nearest to its hard threshold, as a share of
	// capacity: all else equal, the one that trips first.
	First         headroom.Signal  `json:"first,omitempty"`
	Signals       []signalReport   `json:"signals"`
	Thresholds    thresholdsReport `json:"thresholds"`
	Filesystems   []diskReport     `json:"filesystems"`
	Problems      []problemReport  `json:"problems"`
	Consumers     []consumerReport `json:"consumers"`
	ConsumersFrom string           `json:"consumersFrom"`
	Failures      []failure        `json:"failures"`
}

type signalReport struct {
	Signal     headroom.Signal     `json:"signal"`
	Unit       headroom.Unit       `json:"unit"`
	Filesystem headroom.Filesystem `json:"filesystem,omitempty"`
	Mountpoint string              `json:"mountpoint,omitempty"`
	Available  *int64              `json:"available,omitempty"`
	Capacity   *int64              `json:"capacity,omitempty"`
	Hard       *int64              `json:"hard,omitempty"`
	Soft       *int64              `json:"soft,omitempty"`
	// Headroom and Ratio are to the hard threshold, or to the soft one where there
	// is no hard one; Evictions has both.
	Headroom *int64              `json:"headroom,omitempty"`
	Ratio    *float64            `json:"ratio,omitempty"`
	Met      []headroom.Eviction `json:"met,omitempty"`
	// Evictions has each threshold in force, hard before soft.
	Evictions []evictionReport `json:"evictions,omitempty"`
}

// An evictionReport is how a signal stands to one of its thresholds.
type evictionReport struct {
	Eviction headroom.Eviction `json:"eviction"`
	Status   Verdict           `json:"status"` // the report's is the gravest of them
	Headroom *int64            `json:"headroom,omitempty"`
	Ratio    *float64          `json:"ratio,omitempty"`
}

type thresholdsReport struct {
	Source  string     `json:"source,omitempty"`
	Version string     `json:"kubeletVersion,omitempty"`
	Read    *time.Time `json:"read,omitempty"`
}

type diskReport struct {
	Disk       string                `json:"disk"`
	Roles      []headroom.Filesystem `json:"roles"`
	Mountpoint string                `json:"mountpoint"`
	Device     string                `json:"device"`
	Type       string                `json:"type"`
}

type problemReport struct {
	Problem  headroom.Problem  `json:"problem"`
	Severity headroom.Severity `json:"severity"`
	Signals  []headroom.Signal `json:"signals,omitempty"`
	Meaning  string            `json:"meaning"`
	Advice   string            `json:"advice"`
}

type consumerReport struct {
	Filesystem headroom.Filesystem `json:"filesystem,omitempty"`
	Kind       headroom.Kind       `json:"kind"`
	Namespace  string              `json:"namespace,omitempty"`
	Pod        string              `json:"pod,omitempty"`
	Container  string              `json:"container,omitempty"`
	Unit       headroom.Unit       `json:"unit"`
	Used       int64               `json:"used"`
}

type failure struct {
	Reader string `json:"reader"`
	Error  string `json:"error"`
}
