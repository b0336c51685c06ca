// Package node reads how much a node has left of what the kubelet watches: the
// space and inodes of its filesystems, its memory, that of its pods, and its
// process identifiers. It reads natively and at once, by the kubelet's own
// formulas, and keeps nothing: what a Reading says was true when it was taken.
//
// Where the formulas depend on the kubelet and its runtime (which paths, which
// cgroup, whether huge pages count), Facts say so, and are asked for at every
// reading: they change when either starts anew.
//
// Reading never makes things worse. A filesystem that hangs costs one thread,
// however often it is asked and whatever the facts name meanwhile, and delays
// nobody who asks for something else.
//
// Package node/kubelet finds the thresholds; this one knows none.
package node
