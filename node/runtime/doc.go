// Package runtime asks a node's container runtime where it keeps images and
// containers: the filesystems that the kubelet calls imagefs and containerfs.
//
// It speaks two languages, each of which is one question here: the kubelet's
// Container Runtime Interface (containerd, CRI-O, cri-dockerd) and the Docker
// Engine API, for nodes whose kubelet has a dockershim. Both sockets are root's,
// and whoever may write to one is as good as root: that is why nothing asks them
// unless it is told to.
package runtime
