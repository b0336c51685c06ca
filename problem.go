package headroom

import (
	"slices"
	"time"
)

// A Problem is a kind of trouble with how a kubelet was told to evict, or with
// what it has not noticed: pods are then killed where nobody expects it, or the
// node runs full because they are not.
type Problem string

// The problems, by the names that metrics and rules use.
const (
	ThresholdOmitted Problem = "threshold_omitted"
	ImageGCTooLate   Problem = "image_gc_too_late"
	ImageGCClose     Problem = "image_gc_close"
	SoftNotAboveHard Problem = "soft_not_above_hard"
	InodesNotCounted Problem = "inodes_not_counted"
	FilesystemStale  Problem = "filesystem_stale"
	RestartPending   Problem = "restart_pending"
)

// A Severity says whether somebody should do something about a problem.
type Severity string

// The severities. Information is what is worth knowing and may well be left so:
// the kubelet's own defaults give rise to it.
const (
	Defect      Severity = "problem"
	Information Severity = "information"
)

// problems is the one table of problems: a new one is a row here, and its
// arithmetic in Setup.Findings.
var problems = []struct {
	problem  Problem
	severity Severity
	meaning  string
	advice   string
}{
	{ThresholdOmitted, Defect,
		"The kubelet's default hard threshold is switched off by omission: a configuration that names some thresholds drops the defaults of the others.",
		`Name it in evictionHard, with "0%" if that is meant; or set mergeDefaultEvictionSettings: true (Kubernetes 1.33).`},
	{ImageGCTooLate, Defect,
		"Pods are evicted before image garbage collection begins, so that unused images stay and pods go.",
		"Lower imageGCHighThresholdPercent: images are collected once less than 101 minus that many percent are available, which must lie above the hard threshold."},
	{ImageGCClose, Information,
		"Image garbage collection begins at most one percent of the disk above the hard threshold, and looks only every five minutes: a fast fill meets the threshold first. The kubelet's defaults are so.",
		"Lower imageGCHighThresholdPercent (and imageGCLowThresholdPercent) where images come and go."},
	{SoftNotAboveHard, Defect,
		"The soft threshold is at or below the hard one: the hard one is always met first, and no pod gets a grace period.",
		"Raise the signal's evictionSoft above its evictionHard."},
	{InodesNotCounted, Defect,
		"The threshold is a number of inodes on a filesystem that counts none: to the kubelet it is met for ever.",
		`Give a percentage, which is never met there, or "0%".`},
	{FilesystemStale, Defect,
		"The kubelet's size of the filesystem is not the one it has, most likely because it was mounted after the kubelet had started: the kubelet watches another one.",
		"Restart the kubelet. It reads its mounts only when it starts."},
	{RestartPending, Defect,
		"The kubelet's files and flags say something else than what it runs with: its next restart changes what it does.",
		"Restart the kubelet now, or take the change back."},
}

// Problems lists every problem, in the table's order. The slice is the caller's.
func Problems() []Problem {
	all := make([]Problem, len(problems))
	for i, row := range problems {
		all[i] = row.problem
	}
	return all
}

// Severity returns how much p matters, or "" for a problem that does not exist.
func (p Problem) Severity() Severity {
	for _, row := range problems {
		if row.problem == p {
			return row.severity
		}
	}
	return ""
}

// Meaning returns what p is, in one or two sentences.
func (p Problem) Meaning() string {
	for _, row := range problems {
		if row.problem == p {
			return row.meaning
		}
	}
	return ""
}

// Advice returns what to do about p, in a sentence or two.
func (p Problem) Advice() string {
	for _, row := range problems {
		if row.problem == p {
			return row.advice
		}
	}
	return ""
}

// A Finding says of a problem and a signal whether the node has it. What is not
// known, and what makes no sense for the signal, has no Finding.
type Finding struct {
	Problem Problem
	// Signal is what the problem is about, empty for the whole configuration.
	Signal Signal
	Found  bool
}

// Settings are what a kubelet is told about eviction, as far as problems come
// from it.
type Settings struct {
	// Hard is evictionHard as it was written, with the kubelet's defaults where
	// they hold. Nil is unknown.
	Hard       map[string]string
	Thresholds Thresholds // without those for containerfs that the kubelet adds
	// ImageGCHigh and ImageGCLow are percentages in use; 100 as the first is off,
	// 0 is unknown.
	ImageGCHigh, ImageGCLow int
	TransitionPeriod        time.Duration
	// HugePages says that huge pages are taken from memory.available.
	HugePages bool
	// Version is the kubelet's ("v1.37.2"), empty where it is not known.
	Version string
}

// A Setup is what problems are looked for in: the settings of a kubelet, and
// what is known of the disks they are about.
type Setup struct {
	Settings
	// OnDisk is what the kubelet would run with if it started now. Nil is unknown.
	OnDisk *Settings
	// Effective are the thresholds with containerfs's, once the disks are known;
	// until then those of Settings.
	Effective Thresholds
	// OneDisk says whether images and the kubelet's root directory share a disk.
	// Nil is unknown.
	OneDisk *bool
	// Readings are the node's; only their capacities count.
	Readings []Reading
	// Divergences are the kubelet's view of the same.
	Divergences []Divergence
}

// Findings says, of each problem and each signal that it is known and makes
// sense of, whether it is there: problems in the table's order, then signals in
// theirs.
func (s Setup) Findings() []Finding {
	return slices.Concat(s.omitted(), s.imageGC(), s.soft(), s.inodes(), s.stale(), s.pending())
}

// capacity returns what percentages of a signal are taken of, if it was read.
func (s Setup) capacity(signal Signal) (int64, bool) {
	for _, r := range s.Readings {
		if r.Signal == signal {
			return r.Capacity, true
		}
	}
	return 0, false
}
