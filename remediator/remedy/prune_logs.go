package remedy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// A deadLogs is the files of one attempt of a container: the log that was live
// and its rotated parts.
type deadLogs struct {
	in      *folder
	live    string // its name
	attempt uint32
	files   []file
	frees   headroom.Amount // what the files take
	needed  string          // why they must stay, or ""
}

// logsByName are the logs beneath all roots, by where the live one lies beneath
// its root. What two roots have is nobody's.
type logsByName map[string]*deadLogs

// findLogs reads the logs of the containers that there are, and of earlier ones
// beside them, but not those that are to be spared. Whatever else lies beneath the
// roots takes no memory.
func (p *pruner) findLogs(ctx context.Context, h history) (logsByName, error) {
	found, units := make(logsByName), h.folders()
	err := eachRoot(p.node.LogRoots, &p.notes, func(root string, w *walker) error {
		w.ExcludeNamespaces, w.spared = p.ExcludeNamespaces, p.out.spares
		w.visit = func(ctx context.Context, fd int, in *folder, layout logLayout) error {
			if units[in.path] == nil {
				return nil
			}
			return w.gather(ctx, fd, in, layout, found)
		}
		return w.walkRoot(ctx, root)
	})
	return found, err
}

// gather adds the logs of a container's folder, attempt by attempt.
func (w *walker) gather(ctx context.Context, fd int, in *folder, layout logLayout, found logsByName) error {
	if !strings.Contains(in.path, "/") {
		return nil // Docker's: its containers are not the runtime's
	}
	here := make(map[string]*deadLogs)
	seen := 0
	return w.each(ctx, fd, 2, in.root.path+"/"+in.path, func(e dirent) error {
		name, ok := layout(e.name)
		if !ok {
			return nil
		}
		if seen++; seen > maxLogs { // then which of them are whose cannot be told
			for _, logs := range here {
				logs.needed = fmt.Sprintf("more than %d logs lie in its folder", maxLogs)
			}
			return nil
		}
		attempt, err := strconv.ParseUint(strings.TrimSuffix(name.live, ".log"), 10, 32)
		if err != nil {
			return nil
		}
		f, reason := w.look(fd, in, e)
		if reason != "" {
			return nil
		}
		key := in.path + "/" + name.live
		if found[key] == nil {
			found[key] = &deadLogs{in: in, live: name.live, attempt: uint32(attempt)}
		}
		logs := found[key]
		here[key] = logs
		if logs.in != in {
			logs.needed = "two log roots have it"
		}
		logs.files = append(logs.files, f)
		logs.frees = logs.frees.Add(f.frees)
		return nil
	})
}

// of returns the logs that only c had, or nil.
func (l logsByName) of(c runtime.Container, h history) *deadLogs {
	for _, other := range h[unit{c.PodUID, c.Name}] {
		if other.ID != c.ID && other.Attempt == c.Attempt {
			return nil
		}
	}
	return l[logOf(c)]
}

// orphans are logs whose container is gone while a later one of its pod and name
// is there: a prune that was cut short leaves them, and so does the kubelet.
func (p *pruner) orphans(logs logsByName, h history) []*deadLogs {
	units := h.folders()
	var found []*deadLogs
	for _, key := range slices.Sorted(maps.Keys(logs)) {
		l := logs[key]
		later := false
		mine := slices.ContainsFunc(units[l.in.path], func(c runtime.Container) bool {
			later = later || kubernetes(c) && c.Attempt > l.attempt
			return c.Attempt == l.attempt
		})
		if !mine && later && l.in.id.disk == p.need.Disk {
			found = append(found, l)
		}
	}
	return found
}

// orphanItems removes the logs that nobody needs.
func (p *pruner) orphanItems(logs []*deadLogs) []Item {
	var items []Item
	for _, l := range logs {
		if l.needed != "" {
			p.notes.add(l.needed, printable(l.in.root.path+"/"+l.in.path+"/"+l.live))
			continue
		}
		for _, f := range l.files {
			items = append(items, Item{Does: Remove, What: printable(f.path()), Frees: f.frees, file: f})
		}
	}
	return items
}

// markNeeded finds out which of the logs somebody has yet to read, writes or
// maps.
func markNeeded(ctx context.Context, proc string, logs []*deadLogs) error {
	byDisk := make(map[node.Disk]map[uint64]*uses)
	for _, l := range logs {
		if byDisk[l.in.id.disk] == nil {
			byDisk[l.in.id.disk] = make(map[uint64]*uses)
		}
		for _, f := range l.files {
			byDisk[l.in.id.disk][f.ino] = new(uses)
		}
	}
	for disk, users := range byDisk {
		if err := findUses(ctx, proc, disk, users); err != nil {
			return err
		}
	}
	for _, l := range logs {
		for _, f := range l.files {
			if reason := byDisk[l.in.id.disk][f.ino].forbidRemoval(f.size); reason != "" {
				l.needed = "its log is needed: " + reason
			}
		}
	}
	return nil
}
