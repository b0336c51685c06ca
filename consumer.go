package headroom

import (
	"cmp"
	"slices"
)

// A Consumer is who uses some of what a signal counts.
type Consumer struct {
	// Filesystem is the role of the filesystem that is used, empty for processes.
	Filesystem Filesystem
	Kind       Kind
	// Namespace, Pod and Container say whose it is; those that say nothing are
	// empty. All images are one consumer, without an owner.
	Namespace, Pod, Container string
	Unit                      Unit
	Used                      int64
}

// A Kind is what a Consumer uses it for.
type Kind string

// The kinds. An emptyDir is the pod's, and all of a pod's are one; a writable
// layer is what a container changed in its image's files.
const (
	Logs          Kind = "logs"
	EmptyDir      Kind = "emptyDir"
	WritableLayer Kind = "writable"
	Images        Kind = "images"
	Processes     Kind = "processes"
)

// Largest returns, for each filesystem and unit, the n consumers that use most,
// largest first. It sorts cs.
func Largest(cs []Consumer, n int) []Consumer {
	slices.SortFunc(cs, func(a, b Consumer) int {
		return cmp.Or(
			cmp.Compare(a.Filesystem, b.Filesystem),
			cmp.Compare(a.Unit, b.Unit),
			cmp.Compare(b.Used, a.Used),
			// Of equals the same ones, whatever order they came in.
			cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Pod, b.Pod),
			cmp.Compare(a.Container, b.Container),
			cmp.Compare(a.Kind, b.Kind),
		)
	})
	kept, count := cs[:0], 0
	for i, c := range cs {
		if i == 0 || c.Filesystem != cs[i-1].Filesystem || c.Unit != cs[i-1].Unit {
			count = 0
		}
		if count++; count <= n {
			kept = append(kept, c)
		}
	}
	return kept
}
