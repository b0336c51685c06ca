package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Remove ends a node and removes all there is of it but its logs.
func (n *Node) Remove(ctx context.Context) error {
	c := n.cluster
	for _, part := range []string{"kubelet", "containerd"} {
		if err := c.stop(n.part(part), unix.SIGKILL); err != nil {
			return err
		}
	}
	if err := emptyCgroup(n.Cgroup()); err != nil {
		return err
	}
	if err := n.killRest(); err != nil {
		return err
	}
	if err := unwire(ctx, fmt.Sprintf("%sn%02d", c.ID, n.Number)); err != nil {
		return err
	}
	if err := unmountBelow(n.Dir); err != nil {
		return err
	}
	if err := loopsFree(ctx, n.Dir); err != nil {
		return err
	}
	if err := os.RemoveAll(n.Dir); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(c.Dir, "run", n.Name)); err != nil {
		return err
	}
	c.state.Nodes = slices.DeleteFunc(c.state.Nodes, func(s nodeState) bool { return s.Name == n.Name })
	if err := c.save(); err != nil {
		return err
	}
	return n.forget(ctx)
}

// killRest kills what is marked as a part of the node: shims and the holder of
// its namespaces.
func (n *Node) killRest() error {
	found, err := marked(n.cluster.Dir)
	if err != nil {
		return err
	}
	for _, p := range found {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		if err != nil || !strings.Contains("\x00"+string(data), "\x00"+partVariable+"="+n.Name+"/") {
			continue
		}
		if err := p.end(unix.SIGKILL); err != nil {
			return err
		}
	}
	return nil
}

// forget removes the Node object and its pods from the API.
func (n *Node) forget(ctx context.Context) error {
	if n.cluster.client == nil || n.cluster.alive("kube-apiserver") != nil {
		return nil
	}
	pods, err := n.cluster.Pods(ctx, "spec.nodeName="+n.Name)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if err := n.cluster.delete(ctx, pod.path()); err != nil {
			return err
		}
	}
	return n.cluster.delete(ctx, "/api/v1/nodes/"+n.Name)
}

// delete removes an object at once; one that is gone already is well.
func (c *Cluster) delete(ctx context.Context, path string) error {
	err := c.Do(ctx, http.MethodDelete, path+"?gracePeriodSeconds=0", nil, nil)
	if status, ok := err.(*StatusError); ok && status.Code == http.StatusNotFound {
		return nil
	}
	return err
}
