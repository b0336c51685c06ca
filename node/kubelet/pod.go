package kubelet

import (
	"cmp"
	"slices"
)

// A podStats is what a summary says of a pod's storage and processes.
type podStats struct {
	namespace, name, uid string
	containers           []containerStats // by name, no two of one
	emptyDir             usage
	processes            figure
}

type containerStats struct {
	name         string
	logs, rootfs usage
}

func (s *scanner) podStats() podStats {
	var p podStats
	var ephemeral, volumes usage
	s.object(func(name []byte) {
		switch string(name) {
		case "podRef":
			s.podReference(&p)
		case "containers":
			s.array(func() { p.containers = append(p.containers, s.containerStats()) })
		case "volume":
			s.array(func() { volumes = volumes.plus(s.volumeStats()) })
		case "ephemeral-storage":
			ephemeral = s.usage()
		case "process_stats":
			s.object(func(name []byte) {
				if string(name) == "process_count" {
					p.processes = s.figure()
					return
				}
				s.skip()
			})
		default:
			s.skip()
		}
	})
	p.emptyDir = emptyDir(ephemeral, volumes, p.containers)
	p.containers = unite(p.containers, usage.larger)
	return p
}

func (s *scanner) podReference(p *podStats) {
	s.object(func(name []byte) {
		switch string(name) {
		case "namespace":
			p.namespace = s.text()
		case "name":
			p.name = s.text()
		case "uid":
			p.uid = s.text()
		default:
			s.skip()
		}
	})
}

func (s *scanner) containerStats() (c containerStats) {
	s.object(func(name []byte) {
		switch string(name) {
		case "name":
			c.name = s.text()
		case "logs":
			c.logs = s.usage()
		case "rootfs":
			c.rootfs = s.usage()
		default:
			s.skip()
		}
	})
	return c
}

// volumeStats takes a volume that may be on the node's disk: one without a claim,
// and no filesystem by itself, as those in memory are.
func (s *scanner) volumeStats() usage {
	var fs fsStats
	claimed := false
	s.object(func(name []byte) {
		if string(name) == "pvcRef" {
			claimed = !s.null()
			if claimed {
				s.skip()
			}
			return
		}
		s.fsFigure(&fs, name)
	})
	if claimed || fs.whole() {
		return usage{}
	}
	return fs.usage()
}

// emptyDir returns what a pod's emptyDirs on disk use, at most. A summary does not
// say which of the volumes they are. It does say two things that are no less:
//
//   - ephemeral-storage without the containers. The kubelet adds up containers,
//     emptyDirs on disk, configMaps, /etc/hosts and whatever lies beside the
//     containers' logs (calcEphemeralStorage in pkg/kubelet/stats/helper.go).
//   - The volumes that may be on disk: emptyDirs and configMaps, as far as those in
//     memory can be told.
//
// So the smaller one is too much by the pod's configMaps, of which none holds more
// than 1 MiB. Of inodes it can be too few with CRI-O, where the kubelet leaves the
// logs out of the first, by as many as there are logs.
func emptyDir(ephemeral, volumes usage, containers []containerStats) usage {
	for _, c := range containers {
		ephemeral = ephemeral.minus(c.rootfs).minus(c.logs)
	}
	return usage{least(ephemeral.bytes, volumes.bytes), least(ephemeral.inodes, volumes.inodes)}
}

// unite makes one of containers with one name. Their logs are united by join:
// those of one pod lie in one directory, and each container is told all of it.
func unite(cs []containerStats, join func(usage, usage) usage) []containerStats {
	slices.SortFunc(cs, func(a, b containerStats) int { return cmp.Compare(a.name, b.name) })
	kept := cs[:0]
	for _, c := range cs {
		if last := len(kept) - 1; last >= 0 && kept[last].name == c.name {
			kept[last].logs = join(kept[last].logs, c.logs)
			kept[last].rootfs = kept[last].rootfs.plus(c.rootfs)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// unitePods makes one of pods with one name, which is all that labels tell. Two
// sandboxes of one pod, for a moment, share logs and volumes; a pod and its
// predecessor, which is still ending, have their own.
func unitePods(pods []podStats) []podStats {
	slices.SortFunc(pods, func(a, b podStats) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name), cmp.Compare(a.uid, b.uid))
	})
	pods = uniteRuns(pods, usage.larger, func(a, b *podStats) bool {
		return a.namespace == b.namespace && a.name == b.name && a.uid == b.uid
	})
	return uniteRuns(pods, usage.plus, func(a, b *podStats) bool {
		return a.namespace == b.namespace && a.name == b.name
	})
}

// uniteRuns makes one of neighbours that are the same. What lies in directories is
// united by join.
func uniteRuns(pods []podStats, join func(usage, usage) usage, same func(a, b *podStats) bool) []podStats {
	kept := pods[:0]
	for len(pods) > 0 {
		p, n := pods[0], 1
		for ; n < len(pods) && same(&pods[0], &pods[n]); n++ {
			p.containers = append(p.containers, pods[n].containers...)
			p.emptyDir = join(p.emptyDir, pods[n].emptyDir)
			p.processes = p.processes.plus(pods[n].processes)
		}
		if n > 1 {
			p.containers = unite(p.containers, join)
		}
		kept, pods = append(kept, p), pods[n:]
	}
	return kept
}
