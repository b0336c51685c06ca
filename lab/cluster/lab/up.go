package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// limit is how long up may take before it gives up and cleans up.
const limit = 3 * time.Minute

// layouts are the values of -layout.
var layouts = map[string]cluster.Layout{"one": cluster.OneDisk, "two": cluster.TwoDisks, "xfs": cluster.OneXFS}

// up starts a lab unless it runs already. One that is not whole is started anew.
func up(ctx context.Context, o options, out io.Writer) error {
	layout, ok := layouts[o.layout]
	if !ok {
		return fmt.Errorf("-layout %q: not one of one, two, xfs", o.layout)
	}
	unlock, err := lock(ctx, o.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if c, err := cluster.Open(o.dir); err == nil && c.Whole() == nil {
		fmt.Fprintf(out, "up already\n\n")
		explain(c, out)
		return nil
	}
	if err := cluster.Down(ctx, o.dir); err != nil { // what a crash left
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := start(ctx, o, layout)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "up after %.0f s\n\n", time.Since(began).Seconds())
	explain(c, out)
	return nil
}

// start starts the control plane, the nodes, and a few pods to look at. Where it
// fails nothing stays.
func start(ctx context.Context, o options, layout cluster.Layout) (*cluster.Cluster, error) {
	c, err := cluster.Up(ctx, o.dir)
	if err != nil {
		return nil, err
	}
	size := o.size << 20
	for range o.nodes {
		if _, err := c.Node(ctx, cluster.NodeConfig{Layout: layout.Sized(size, size)}); err != nil {
			return nil, abandon(ctx, o.dir, err)
		}
	}
	if o.nodes > 0 {
		if err := c.Run(ctx, cluster.Workload{Name: "app", Replicas: 3}); err != nil {
			return nil, abandon(ctx, o.dir, err)
		}
	}
	return c, c.Finish()
}

func abandon(ctx context.Context, dir string, err error) error {
	if left := cluster.Down(context.WithoutCancel(ctx), dir); left != nil {
		return fmt.Errorf("%w; and what had been started is still there: %w", err, left)
	}
	return err
}

// explain says how to reach the lab.
func explain(c *cluster.Cluster, out io.Writer) {
	fmt.Fprintf(out, "export KUBECONFIG=%s\n", c.Kubeconfig())
	fmt.Fprintf(out, "API server   %s\n", c.URL)
	for _, n := range c.Nodes() {
		fmt.Fprintf(out, "\nnode %s\n", n.Name)
		fmt.Fprintf(out, "  kubelet    %s\n", n.URL)
		fmt.Fprintf(out, "  nodefs     %s\n", filepath.Dir(n.RootDir()))
		fmt.Fprintf(out, "  imagefs    %s\n", filepath.Dir(n.ContainerdRoot()))
		fmt.Fprintf(out, "  log        %s\n", c.LogPath(n.Name+"/kubelet"))
		fmt.Fprintf(out, "  its view   curl --cacert %s --cert %s --key %s %s/stats/summary\n", c.CA(), c.Admin().Cert, c.Admin().Key, n.URL)
		fmt.Fprintf(out, "  ours       bin/headroom-exporter %s\n", strings.Join(n.ExporterFlags(), " "))
	}
}

// lock keeps two commands from working on one lab: the second waits. The lock is
// on the folder around the lab's, so that nothing of it stays.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	err = cluster.Wait(ctx, "another lab command on "+dir, func(context.Context) error {
		return unix.Flock(int(parent.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	})
	if err != nil {
		parent.Close()
		return nil, err
	}
	return func() { parent.Close() }, nil
}
