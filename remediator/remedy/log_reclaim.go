package remedy

import (
	"context"
	"fmt"
)

// LogReclaim frees what container logs take: first rotated files, oldest parts
// of each log only; then live logs by renaming them and having the runtime make
// them anew, after which the old file goes; then live logs by truncation where
// every writer appends.
//
// It touches nothing but regular files with one link that carry the kubelet's
// or Docker's names, beneath Node.LogRoots, on the disk in need. Rotated files
// that a process holds open stay: removing them frees nothing until they are
// closed, and whoever ships them has not finished. Nothing of a container named
// kube-apiserver is touched: its output may be the audit log; nor is anything of
// a pod that has opted out. A process whose descriptors cannot be read forbids
// everything: cannot tell.
//
// A log is renamed only while a running container of the runtime's writes it,
// nobody who reads it lies far behind, and there is room for a new file: a
// runtime that cannot make one may end the container. What a reader has not
// read by then stays: it is the newest rotated file of its log then, and counts as
// one that keep protects until the next rotation, as one of the kubelet's would.
// Nobody can tell the two apart, and a policy that keeps one means it. With keep: 0
// it goes with the next plan after its reader has let go of it.
//
// Removing frees blocks and an inode, the other two blocks only. Keys: keep,
// reopen, truncate, minSize, excludeNamespaces.
type LogReclaim struct {
	settings *logSettings // nil is the defaults
}

// logSettings are LogReclaim's keys in a policy.
type logSettings struct {
	// Keep is how many rotated files of every log stay, newest first.
	Keep int `yaml:"keep"`
	// Reopen allows to rename live logs and to have them made anew once rotated
	// files do not suffice.
	Reopen bool `yaml:"reopen"`
	// Truncate allows to empty live logs once that does not suffice either.
	Truncate bool `yaml:"truncate"`
	// MinSize is the size in bytes from which on a live log is touched.
	MinSize quantity `yaml:"minSize"`
	// ExcludeNamespaces are namespaces, spelled exactly, whose logs stay as they
	// are.
	ExcludeNamespaces []string `yaml:"excludeNamespaces"`
}

var defaultLogSettings = logSettings{Keep: 1, Reopen: true, Truncate: true, MinSize: 1 << 20}

// maxKeep bounds what is remembered of each log while a folder is read.
const maxKeep = 1000

// Name returns "log-reclaim".
func (LogReclaim) Name() string { return "log-reclaim" }

// Steps are after a file was removed or emptied, and after a live log got
// another name and after it was made anew.
func (LogReclaim) Steps() []string {
	return []string{logRemoved, logRenamed, logReopened, logTruncated}
}

const (
	logRemoved   = "log-reclaim: removed"
	logRenamed   = "log-reclaim: renamed"
	logReopened  = "log-reclaim: reopened"
	logTruncated = "log-reclaim: truncated"
)

// Configure reads the keys above.
func (LogReclaim) Configure(decode func(into any) error) (Remedy, error) {
	s := defaultLogSettings
	if err := decode(&s); err != nil {
		return nil, err
	}
	if s.Keep < 0 || s.Keep > maxKeep {
		return nil, fmt.Errorf("keep: %d: give a number from 0 to %d", s.Keep, maxKeep)
	}
	if s.MinSize < 0 {
		return nil, fmt.Errorf("minSize: %d: give a quantity of bytes such as 1Mi", s.MinSize)
	}
	for _, ns := range s.ExcludeNamespaces {
		if !dnsName(ns, "-") {
			return nil, fmt.Errorf("excludeNamespaces: %q: not a namespace's name", ns)
		}
	}
	return LogReclaim{&s}, nil
}

func (l LogReclaim) config() logSettings {
	if l.settings == nil {
		return defaultLogSettings
	}
	return *l.settings
}

// Plan walks the log roots. Its memory is bounded whatever lies there: folders
// are read piece by piece, and of the files seen only those that free most are
// kept, at most maxItems. More than that is for the next plan.
func (l LogReclaim) Plan(ctx context.Context, n Node, need Need) (Plan, error) {
	plan := Plan{need: need}
	if need.Signal.Filesystem() == "" {
		plan.Notes = []string{fmt.Sprintf("logs give back bytes and inodes, which %s does not count", need.Signal)}
		return plan, nil
	}
	held, err := heldFiles(ctx, n.Proc, need.Disk)
	if err != nil {
		return Plan{}, err
	}
	out, err := optedOut(ctx, n)
	if err != nil {
		return Plan{}, err
	}
	w := newWalker(l.config(), need, held)
	w.spared = out.spares
	if err := w.walkRoots(ctx, n.LogRoots); err != nil {
		return Plan{}, err
	}
	if len(w.rotated.files) == maxItems {
		w.notes.add(fmt.Sprintf("a plan has at most %d files: what else there is comes with the next", maxItems), "")
	}
	for _, f := range w.rotated.sorted() {
		plan.add(Remove, f)
	}
	if err := w.planLive(ctx, n, &plan); err != nil {
		return Plan{}, err
	}
	plan.Notes = w.notes.list()
	return plan, nil
}

func (p *Plan) add(does string, f file) {
	p.Items = append(p.Items, Item{Does: does, What: printable(f.path()), Frees: f.frees, file: f})
	p.Frees = p.Frees.Add(f.frees)
}
