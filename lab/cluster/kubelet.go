package cluster

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"
)

// base is the KubeletConfiguration of every node before the test's is merged
// onto it: where things are, who may ask, and what these machines need, which
// often have cgroup version 1, swap, and no systemd.
func (n *Node) base(serving KeyPair) map[string]any {
	return map[string]any{
		"apiVersion":               "kubelet.config.k8s.io/v1beta1",
		"kind":                     "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + n.Socket(),
		"podLogsDir":               n.PodLogs(),
		"volumePluginDir":          filepath.Join(n.RootDir(), "volume-plugins"),
		"resolvConf":               filepath.Join(n.Dir, "resolv.conf"),
		"cgroupRoot":               n.Cgroup(),
		"cgroupDriver":             "cgroupfs",
		"failCgroupV1":             false,
		"failSwapOn":               false,
		"oomScoreAdj":              0,
		"tlsCertFile":              serving.Cert,
		"tlsPrivateKeyFile":        serving.Key,
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": n.cluster.CA()},
		},
		"authorization": map[string]any{"mode": "Webhook"},
	}
}

// merge puts patch onto base as RFC 7396 says: maps are merged, nil removes,
// everything else replaces. Neither is changed.
func merge(base, patch map[string]any) map[string]any {
	merged := maps.Clone(base)
	if merged == nil {
		merged = map[string]any{}
	}
	for key, value := range patch {
		switch v := value.(type) {
		case nil:
			delete(merged, key)
		case map[string]any:
			below, _ := merged[key].(map[string]any)
			merged[key] = merge(below, v)
		default:
			merged[key] = value
		}
	}
	return merged
}

// KubeletConfig is the file that the kubelet gets as --config.
func (n *Node) KubeletConfig() string { return filepath.Join(n.Dir, "kubelet.yaml") }

// KubeletDropIns is the folder that it may get as --config-dir.
func (n *Node) KubeletDropIns() string { return filepath.Join(n.Dir, "kubelet.d") }

// StartKubelet starts the node's kubelet with a configuration, of which name and
// layout do not count, and returns without waiting for it. The node's last
// kubelet must have been stopped.
func (n *Node) StartKubelet(ctx context.Context, config NodeConfig) error {
	if err := n.configure(config); err != nil {
		return err
	}
	pair, err := n.cluster.ca.pair("node-"+n.Name, "system:node:"+n.Name, []string{"system:nodes"})
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(n.Dir, "kubeconfig")
	if err := n.cluster.kubeconfig(kubeconfig, "node", pair); err != nil {
		return err
	}
	enter, err := n.enter()
	if err != nil {
		return err
	}
	args := []string{
		"--config=" + n.KubeletConfig(), "--kubeconfig=" + kubeconfig, "--root-dir=" + n.RootDir(),
		"--cert-dir=" + filepath.Join(n.Dir, "pki"), "--hostname-override=" + n.Name, "--node-ip=" + n.Address, "--v=2",
	}
	if len(config.DropIns) > 0 {
		args = append(args, "--config-dir="+n.KubeletDropIns())
	}
	return n.cluster.spawn(n.part("kubelet"), enter, "kubelet", append(args, config.Flags...)...)
}

// configure writes the kubelet's files.
func (n *Node) configure(config NodeConfig) error {
	serving, err := n.cluster.ca.pair("kubelet-"+n.Name, "system:node:"+n.Name, []string{"system:nodes"}, n.Name, n.Address, "127.0.0.1")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(n.Dir, "resolv.conf"), nil, 0o644); err != nil {
		return err
	}
	data, err := yaml.Marshal(merge(n.base(serving), config.Kubelet))
	if err != nil {
		return fmt.Errorf("kubelet configuration: %w", err)
	}
	if err := os.WriteFile(n.KubeletConfig(), data, 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(n.KubeletDropIns()); err != nil {
		return err
	}
	if err := os.Mkdir(n.KubeletDropIns(), 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(config.DropIns)) {
		if err := os.WriteFile(filepath.Join(n.KubeletDropIns(), name), []byte(config.DropIns[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// StopKubelet ends the kubelet and leaves pods running, as a restart of its unit
// would.
func (n *Node) StopKubelet() error { return n.cluster.stop(n.part("kubelet"), unix.SIGTERM) }

// StopContainerd ends containerd and leaves containers running.
func (n *Node) StopContainerd() error { return n.cluster.stop(n.part("containerd"), unix.SIGTERM) }

// RestartKubelet starts the kubelet anew with another configuration and returns
// once it answers.
func (n *Node) RestartKubelet(ctx context.Context, config NodeConfig) error {
	if err := n.StopKubelet(); err != nil {
		return err
	}
	if err := n.StartKubelet(ctx, config); err != nil {
		return err
	}
	return Wait(ctx, "the kubelet of "+n.Name, func(ctx context.Context) error {
		if err := n.cluster.alive(n.part("kubelet")); err != nil {
			return err
		}
		_, err := n.Get(ctx, "/healthz")
		return err
	})
}

// WaitReady returns once the node is Ready and has no taints.
func (n *Node) WaitReady(ctx context.Context) error {
	return Wait(ctx, "node "+n.Name+" to be Ready", func(ctx context.Context) error {
		for _, part := range []string{"kubelet", "containerd"} {
			if err := n.cluster.alive(n.part(part)); err != nil {
				return err
			}
		}
		object, err := n.Object(ctx)
		if err != nil {
			return err
		}
		if ready := object.Condition("Ready"); ready.Status != "True" {
			return fmt.Errorf("Ready is %q: %s", ready.Status, ready.Message)
		}
		if len(object.Spec.Taints) > 0 {
			return fmt.Errorf("it is tainted: %v", object.Spec.Taints)
		}
		return nil
	})
}

// Get asks the kubelet for path as the lab's administrator.
func (n *Node) Get(ctx context.Context, path string) ([]byte, error) {
	return get(ctx, n.cluster.client, n.URL+path)
}

// Client is an HTTP client with the lab's authority and the administrator's
// certificate.
func (c *Cluster) Client() *http.Client { return c.client }
