package remedy

import (
	"cmp"
	"container/heap"
	"slices"

	headroom "github.com/nodeheadroom/headroom"
)

// A folder is a directory beneath a root, as it was when it was planned.
type folder struct {
	root *root
	path string // beneath the root
	id   fileID
	// owner is the pod whose container's logs it holds; zero if no pod's.
	owner podName
}

// A file is a name in a folder, as it was when it was planned.
type file struct {
	in    *folder
	name  string
	ino   uint64
	size  int64
	frees headroom.Amount
}

func (f file) path() string { return f.in.root.path + "/" + f.in.path + "/" + f.name }

// before orders files by what they free, then so that one folder's are
// neighbours and lie beside each other on the disk. The order is total: the
// same files make the same plan.
func before(u headroom.Unit) func(a, b file) int {
	return func(a, b file) int {
		if c := cmp.Compare(b.frees.In(u), a.frees.In(u)); c != 0 {
			return c
		}
		if a.in != b.in {
			if c := cmp.Or(cmp.Compare(a.in.root.path, b.in.root.path), cmp.Compare(a.in.path, b.in.path)); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(a.ino, b.ino), cmp.Compare(a.name, b.name))
	}
}

// maxItems bounds a plan, and with it the memory that a tree of any size takes.
const maxItems = 1 << 16

// A harvest keeps the files that free most, and no more of them than cover the
// need or than most.
type harvest struct {
	unit  headroom.Unit
	need  int64
	most  int
	total int64
	// files is a heap with the least useful on top once something had to be
	// dropped; before that, order is not worth its price.
	files  []file
	heaped bool
}

func (h *harvest) add(f file) {
	frees := f.frees.In(h.unit)
	if frees <= 0 {
		return
	}
	h.total += frees
	if h.heaped {
		heap.Push(h, f)
	} else {
		h.files = append(h.files, f)
	}
	for h.surplus() {
		h.total -= heap.Pop(h).(file).frees.In(h.unit)
	}
}

// surplus reports whether the least useful file can go.
func (h *harvest) surplus() bool {
	if len(h.files) == 0 || len(h.files) <= h.most && h.total <= h.need {
		return false
	}
	if !h.heaped {
		heap.Init(h)
		h.heaped = true
	}
	return len(h.files) > h.most || h.total-h.files[0].frees.In(h.unit) >= h.need
}

// sorted returns the files, most useful first. The harvest is over.
func (h *harvest) sorted() []file {
	slices.SortFunc(h.files, before(h.unit))
	return h.files
}

func (h *harvest) Len() int           { return len(h.files) }
func (h *harvest) Less(i, j int) bool { return before(h.unit)(h.files[i], h.files[j]) > 0 }
func (h *harvest) Swap(i, j int)      { h.files[i], h.files[j] = h.files[j], h.files[i] }
func (h *harvest) Push(f any)         { h.files = append(h.files, f.(file)) }
func (h *harvest) Pop() any {
	last := h.files[len(h.files)-1]
	h.files = h.files[:len(h.files)-1]
	return last
}
