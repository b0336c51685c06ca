package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// containerdConfig: without CAP_SYS_RESOURCE nobody may lower oom_score_adj, so
// pods get what containerd has. Everything that containerd would otherwise keep
// in a folder of the machine is below the node's.
const containerdConfig = `version = 3
root = %[1]q
state = "/run/containerd"
imports = []

[grpc]
  address = %[2]q

[ttrpc]
  address = "/run/containerd/containerd.sock.ttrpc"

[plugins."io.containerd.internal.v1.opt"]
  path = "/run/containerd/opt"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  enable_unprivileged_icmp = false
  enable_unprivileged_ports = false

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = [%[3]q]
  conf_dir = %[4]q

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = %[5]q

[plugins."io.containerd.cri.v1.images".registry]
  config_path = %[6]q
`

// cniConfig gives every pod an address, and a route to the node and the API
// server; nothing leaves the lab.
const cniConfig = `{
  "cniVersion": "1.0.0",
  "name": "lab",
  "plugins": [{
    "type": "ptp",
    "ipam": {
      "type": "host-local",
      "dataDir": "/run/cni",
      "ranges": [[{"subnet": %q}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`

// containerd starts the node's and returns once it answers.
func (n *Node) containerd(ctx context.Context) error {
	conf := filepath.Join(n.Dir, "cni")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		return err
	}
	err := os.WriteFile(filepath.Join(conf, "lab.conflist"), fmt.Appendf(nil, cniConfig, n.cluster.net.pods(n.Number)), 0o644)
	if err != nil {
		return err
	}
	file := filepath.Join(n.Dir, "containerd.toml")
	config := fmt.Appendf(nil, containerdConfig, n.ContainerdRoot(), n.Socket(), plugins(), conf, PauseImage, n.registries())
	if err := os.WriteFile(file, config, 0o644); err != nil {
		return err
	}
	return n.StartContainerd(ctx)
}

// registries is where containerd looks, at every pull, how to speak to a registry.
func (n *Node) registries() string { return filepath.Join(n.Dir, "registries") }

// Trust makes the node's containerd pull from the registry at host, a name or
// address and a port, in plain HTTP.
func (n *Node) Trust(host string) error {
	dir := filepath.Join(n.registries(), host)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config := fmt.Appendf(nil, "server = %[1]q\n\n[host.%[1]q]\n  capabilities = [\"pull\", \"resolve\"]\n", "http://"+host)
	return os.WriteFile(filepath.Join(dir, "hosts.toml"), config, 0o644)
}

// StartContainerd starts the node's containerd and returns once it answers.
func (n *Node) StartContainerd(ctx context.Context) error {
	enter, err := n.enter()
	if err != nil {
		return err
	}
	if err := n.cluster.spawn(n.part("containerd"), enter, "containerd", "--config", filepath.Join(n.Dir, "containerd.toml")); err != nil {
		return err
	}
	return Wait(ctx, "containerd", func(ctx context.Context) error {
		if err := n.cluster.alive(n.part("containerd")); err != nil {
			return err
		}
		_, err := n.Ctr(ctx, "version")
		return err
	})
}

// Ctr runs containerd's own command line, in the namespace of Kubernetes.
func (n *Node) Ctr(ctx context.Context, args ...string) ([]byte, error) {
	line := append([]string{"--connect-timeout=5s", "-a", n.Socket(), "-n", "k8s.io"}, args...)
	out, err := exec.CommandContext(ctx, n.cluster.programs["ctr"], line...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ctr %v: %w %s", args, err, out)
	}
	return out, nil
}
