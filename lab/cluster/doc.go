// Package cluster starts a real Kubernetes control plane and real nodes on small
// real filesystems, on this machine, as root.
//
// A test asks for a node and gets one, Ready:
//
//	func TestMain(m *testing.M) { os.Exit(cluster.Main(m.Run)) }
//
//	func TestX(t *testing.T) {
//		c := cluster.Start(t)
//		n := c.StartNode(t, cluster.NodeConfig{
//			Layout:  cluster.TwoDisks,
//			Kubelet: map[string]any{"evictionHard": map[string]any{"nodefs.available": "10%"}},
//		})
//		…
//	}
//
// Every node is a kubelet and a containerd in mount and network namespaces of
// their own, with a cgroup of their own; their disks are mounted where this
// process sees them, too. All state lies in one folder. Nothing needs to be
// remembered to clean up after a lab, however it ended: its processes carry
// the folder's name in their environment, everything else is named after it.
//
// The API server is spoken to in plain HTTPS and JSON: client-go would bring 363
// packages into this module for what request.go does.
package cluster
