package kubelet

import (
	"math"
	"time"
)

// A figure is a number of bytes, inodes or processes, or none at all.
type figure struct {
	n     uint64 // 0 where it is not known
	known bool
}

// A usage is how much of a filesystem is somebody's.
type usage struct{ bytes, inodes figure }

// fsStats are of a filesystem, or of somebody's part of one.
type fsStats struct {
	time                           time.Time
	available, capacity, used      figure
	inodesFree, inodes, inodesUsed figure
}

func (s *scanner) fsStats() (fs fsStats) {
	s.object(func(name []byte) {
		if string(name) == "time" {
			fs.time = s.moment()
			return
		}
		s.fsFigure(&fs, name)
	})
	return fs
}

// fsFigure takes a figure of a filesystem, or skips what is none.
func (s *scanner) fsFigure(fs *fsStats, name []byte) {
	switch string(name) {
	case "availableBytes":
		fs.available = s.figure()
	case "capacityBytes":
		fs.capacity = s.figure()
	case "usedBytes":
		fs.used = s.figure()
	case "inodesFree":
		fs.inodesFree = s.figure()
	case "inodes":
		fs.inodes = s.figure()
	case "inodesUsed":
		fs.inodesUsed = s.figure()
	default:
		s.skip()
	}
}

func (s *scanner) usage() usage {
	var fs fsStats
	s.object(func(name []byte) { s.fsFigure(&fs, name) })
	return fs.usage()
}

func (fs fsStats) usage() usage {
	if fs.whole() {
		return usage{bytes: fs.used}
	}
	return usage{fs.used, fs.inodesUsed}
}

// whole reports whether inodesUsed counts all inodes in use on the filesystem and
// not somebody's: what the kubelet says where cAdvisor counts for it, as with
// CRI-O.
func (fs fsStats) whole() bool {
	return fs.inodesUsed.known && fs.inodes.known && fs.inodesFree.known &&
		fs.inodesUsed.n == fs.inodes.n-fs.inodesFree.n
}

func (u usage) plus(v usage) usage  { return usage{u.bytes.plus(v.bytes), u.inodes.plus(v.inodes)} }
func (u usage) minus(v usage) usage { return usage{u.bytes.minus(v.bytes), u.inodes.minus(v.inodes)} }
func (u usage) larger(v usage) usage {
	return usage{u.bytes.larger(v.bytes), u.inodes.larger(v.inodes)}
}

// plus adds what is known, and stops at the largest number.
func (f figure) plus(g figure) figure {
	sum := f.n + g.n
	if sum < f.n {
		sum = math.MaxUint64
	}
	return figure{sum, f.known || g.known}
}

// minus takes off what is known, and stops at zero.
func (f figure) minus(g figure) figure {
	return figure{f.n - min(f.n, g.n), f.known}
}

func (f figure) larger(g figure) figure {
	return figure{max(f.n, g.n), f.known || g.known}
}

// least returns the smaller of two figures if both are known.
func least(f, g figure) figure {
	if !f.known || !g.known {
		return figure{}
	}
	return figure{min(f.n, g.n), true}
}
