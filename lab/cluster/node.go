package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/nodeheadroom/headroom/lab/disk"
)

// NodeConfig is what a test wants of a node. The zero value is a node on one disk
// whose kubelet has every default.
type NodeConfig struct {
	Name   string // n1, n2, … if ""
	Layout Layout // OneDisk if zero

	// Kubelet is merged onto the lab's KubeletConfiguration as a JSON merge
	// patch: nil removes a field. The lab sets no threshold.
	Kubelet map[string]any
	// Flags go behind the lab's own.
	Flags []string
	// DropIns are files for --config-dir, by name: YAML or JSON with apiVersion
	// and kind. The flag is given only if there are any.
	DropIns map[string]string
}

// nodeState is what must be known of a node in another process.
type nodeState struct {
	Name   string `json:"name"`
	Number int    `json:"number"` // from 1, for its addresses
	Layout Layout `json:"layout"`
}

// A Node is a kubelet and a containerd in namespaces of their own.
type Node struct {
	Name    string
	Dir     string // all its state, its disks included
	Address string // reachable from here
	URL     string // the kubelet's

	// Nodefs and Imagefs take and give back space on the node's disks; they are
	// on the same filesystem if the layout has one.
	Nodefs, Imagefs *disk.Filler

	cluster *Cluster
	late    atomic.Int32 // disks mounted while it ran
	nodeState
}

// RootDir is the kubelet's --root-dir, on nodefs.
func (n *Node) RootDir() string { return filepath.Join(n.nodefs(), "kubelet") }

// PodLogs is where the containers' logs are, on nodefs.
func (n *Node) PodLogs() string { return filepath.Join(n.nodefs(), "pods") }

// ContainerdRoot is containerd's root, on imagefs.
func (n *Node) ContainerdRoot() string { return filepath.Join(n.imagefs(), "containerd") }

// Socket is containerd's, as a path; the runtime endpoint is unix:// and this.
func (n *Node) Socket() string { return filepath.Join(n.Dir, "containerd.sock") }

// Cgroup is the kubelet's cgroupRoot; the pods are in kubepods below it.
func (n *Node) Cgroup() string { return "/" + n.cluster.ID + "/" + n.Name }

func (n *Node) nodefs() string { return filepath.Join(n.Dir, "nodefs") }

func (n *Node) imagefs() string {
	if n.Layout.single() {
		return n.nodefs()
	}
	return filepath.Join(n.Dir, "imagefs")
}

func (n *Node) part(name string) string { return n.Name + "/" + name }

// node returns the node of a state.
func (c *Cluster) node(s nodeState) *Node {
	n := &Node{Name: s.Name, Dir: filepath.Join(c.Dir, s.Name), Address: c.net.node(s.Number), cluster: c, nodeState: s}
	n.URL = "https://" + n.Address + ":10250"
	n.Nodefs = &disk.Filler{Dir: filepath.Join(n.nodefs(), "fill")}
	n.Imagefs = &disk.Filler{Dir: filepath.Join(n.imagefs(), "fill")}
	return n
}

// Nodes returns the nodes that there are.
func (c *Cluster) Nodes() []*Node {
	nodes := make([]*Node, len(c.state.Nodes))
	for i, s := range c.state.Nodes {
		nodes[i] = c.node(s)
	}
	return nodes
}

// Node starts a node and returns once it is Ready and pods may be scheduled on
// it. Where that fails it leaves nothing of the node but its logs.
func (c *Cluster) Node(ctx context.Context, config NodeConfig) (*Node, error) {
	s, err := c.number(config)
	if err != nil {
		return nil, err
	}
	n := c.node(s)
	c.state.Nodes = append(c.state.Nodes, s)
	c.Started++
	if err := c.save(); err != nil {
		return nil, err
	}
	if err := n.begin(ctx, config); err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, errors.Join(err, n.Remove(context.WithoutCancel(ctx))))
	}
	return n, nil
}

// begin starts everything of the node.
func (n *Node) begin(ctx context.Context, config NodeConfig) error {
	if err := n.house(ctx); err != nil {
		return err
	}
	if err := n.containerd(ctx); err != nil {
		return err
	}
	if err := n.images(ctx); err != nil {
		return err
	}
	if err := n.StartKubelet(ctx, config); err != nil {
		return err
	}
	return n.WaitReady(ctx)
}

// number gives a new node a name that none had before, for what a test forgot
// to delete must not come to the next one's node, and a number that is free.
func (c *Cluster) number(config NodeConfig) (nodeState, error) {
	s := nodeState{Name: config.Name, Number: 1, Layout: config.Layout}
	for slices.ContainsFunc(c.state.Nodes, func(o nodeState) bool { return o.Number == s.Number }) {
		s.Number++
	}
	if s.Name == "" {
		s.Name = fmt.Sprintf("n%d", c.Started+1)
	}
	if s.Layout.Nodefs.Type == "" {
		s.Layout = OneDisk
	}
	if slices.ContainsFunc(c.state.Nodes, func(o nodeState) bool { return o.Name == s.Name }) {
		return s, fmt.Errorf("node %s: there is one of that name", s.Name)
	}
	if s.Number > 90 {
		return s, fmt.Errorf("node %s: no address is left for it", s.Name)
	}
	return s, nil
}

// house makes a node's disks, cgroup and namespaces.
func (n *Node) house(ctx context.Context) error {
	for _, dir := range []string{n.Dir, filepath.Join(n.Dir, "kubelet.d")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := n.Layout.mount(n.Dir); err != nil {
		return err
	}
	if err := makeCgroup(n.Cgroup()); err != nil {
		return err
	}
	if err := n.hold(ctx); err != nil {
		return err
	}
	p, err := n.cluster.find(n.part("holder"))
	if err != nil {
		return err
	}
	return n.cluster.wire(ctx, n.Number, p.PID)
}
