package kubelet

import (
	"math"

	"github.com/nodeheadroom/headroom"
)

// consumers returns who uses anything. No two are the same but for what they use.
func consumers(node *nodeStats, pods []podStats) []headroom.Consumer {
	pods = unitePods(pods)
	count := 2
	for _, p := range pods {
		count += 3 + 4*len(p.containers)
	}
	all := make(consumerList, 0, count)
	var layers usage
	for _, p := range pods {
		if p.name == "" { // nobody's
			continue
		}
		c := headroom.Consumer{Namespace: p.namespace, Pod: p.name}
		all.addUsage(c, headroom.NodeFS, headroom.EmptyDir, p.emptyDir)
		c.Kind = headroom.Processes
		all.add(c, headroom.PIDs, p.processes)
		for _, of := range p.containers {
			c.Container = of.name
			all.addUsage(c, headroom.NodeFS, headroom.Logs, of.logs)
			all.addUsage(c, headroom.ContainerFS, headroom.WritableLayer, of.rootfs)
			layers = layers.plus(of.rootfs)
		}
	}
	all.addUsage(headroom.Consumer{}, headroom.ImageFS, headroom.Images, images(node.imageFS, layers))
	return all
}

// images returns what all images use. containerd counts every snapshot, of images
// and of containers, compressed layers not included (ImageFsInfo in its
// internal/cri/server/images); the writable layers of the containers that run are
// consumers of their own and are taken out. Those of dead containers stay in.
// cri-dockerd counts images alone, which shows less by the writable layers, and all
// inodes of the filesystem. CRI-O counts their metadata alone, and nothing is known.
func images(fs fsStats, layers usage) usage {
	if fs.whole() {
		return usage{}
	}
	all := fs.usage()
	if all.bytes.n < layers.bytes.n { // they cannot be in it
		return all
	}
	return all.minus(layers)
}

type consumerList []headroom.Consumer

func (l *consumerList) addUsage(c headroom.Consumer, fs headroom.Filesystem, kind headroom.Kind, u usage) {
	c.Filesystem, c.Kind = fs, kind
	l.add(c, headroom.Bytes, u.bytes)
	l.add(c, headroom.Inodes, u.inodes)
}

// add adds c if it uses anything, and no more than there can be: cAdvisor's
// differences can fall below zero.
func (l *consumerList) add(c headroom.Consumer, unit headroom.Unit, f figure) {
	if f.known && f.n > 0 && f.n <= math.MaxInt64 {
		c.Unit, c.Used = unit, int64(f.n)
		*l = append(*l, c)
	}
}
