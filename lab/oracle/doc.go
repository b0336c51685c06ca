// Package oracle holds Headroom's arithmetic against the kubelet's own code. All
// of it is tests, in a module of its own, so that Kubernetes is a dependency of
// nothing else.
//
//	cd lab/oracle && CGO_ENABLED=0 GOFLAGS=-trimpath go test -v ./...
//
// With these two settings what the lab's kubelet was built from is not built
// again. -seed=N compares other random values. Without root, loop devices and the
// mkfs of ext4, xfs and btrfs, a tmpfs stands in for the disks.
//
// # What it proves
//
// No difference, over generated inputs that lean to the edges, between Kubernetes
// v1.37.2 and the packages headroom, node and node/kubelet:
//
//   - a threshold, grace period or minimum reclaim as a string: accepted or
//     refused alike, and the same value; whole configurations; the thresholds that
//     are copied to the pods' cgroup and to containerfs;
//   - a percentage of any capacity that an int64 holds, and whether it is met;
//   - a summary as the kubelet serves it: which signals there are, their numbers
//     and times, and which thresholds they meet;
//   - a whole machine, made of files and small disks, that both read: memory with
//     cgroup v1 and v2, with huge pages and without, the pods' cgroup, process
//     identifiers, filesystems of several types, full ones too. On the kubelet's
//     side all runs that runs in a kubelet, from cadvisor's readers to the summary
//     and the eviction manager's observations. Only the runtime is a stand-in: it
//     says where its images are and that it has no pods.
//
// # What it cannot
//
// A folder is not a kernel: whether real files look like these, only a real node
// can say, and that a machine has cgroup v2 is told to cadvisor instead of being
// found out. Both sides are asked at one moment; a kubelet's own view is up to half
// a minute old. The way of a configuration from files and flags to these values is
// for the kubelet's binary to prove. ZFS, NFS and CRI-O's split image filesystem
// are not here. And all holds for the architecture it runs on: what becomes of
// numbers beyond int64 is up to the machine, for the kubelet as for us.
//
// # Where we differ on purpose
//
// A threshold beyond int64 is published as the largest one and one of NaN % as 0,
// where the kubelet's own number is the smallest int64; whether it is met is the
// same. A machine with more than an exbibyte of memory, or a memory.stat that
// lacks a line, is unknown to us; the kubelet goes on as if the line said 0. An
// exponent of many digits is understood at once; the kubelet works on it until it
// is out of memory.
package oracle
