package cluster

// settings are what a kubelet sets on the machine it starts on, and leaves so
// (setupKernelTunables in its container manager). A node has copies of its own
// instead, so that the machine stays as it is.
var settings = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}
