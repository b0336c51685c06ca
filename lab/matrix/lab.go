package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/product"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// A lab is what all plays have in common.
type lab struct {
	cluster *cluster.Cluster
	root    string // of the repository
	dir     string // for what plays need
	shipped shipped
	inputs  inputs

	exporter, remediator     string // programs
	prometheus, alertmanager string

	token string // file with that of the shipped role for the remediator

	nodes  sync.Mutex // held while a node is started or stopped
	number int        // of the last node
}

// theirs are the programs that are needed beside the cluster's.
var theirs = []string{"prometheus", "alertmanager"}

// openLab starts the control plane and builds our programs into dir.
func openLab(ctx context.Context, root, dir string) (l *lab, err error) {
	l = &lab{dir: dir}
	if l.root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	if l.shipped, err = readShipped(l.root); err != nil {
		return nil, err
	}
	for _, program := range []struct {
		name string
		path *string
	}{{"prometheus", &l.prometheus}, {"alertmanager", &l.alertmanager}} {
		if *program.path, err = tools.Path(program.name); err != nil {
			return nil, err
		}
	}
	if l.exporter, err = product.Build(ctx, dir, "headroom-exporter"); err != nil {
		return nil, err
	}
	if l.remediator, err = product.Build(ctx, dir, "headroom-remediator"); err != nil {
		return nil, err
	}
	if l.inputs, err = readInputs(l.root, l.exporter, l.remediator); err != nil {
		return nil, err
	}
	if l.cluster, err = cluster.Shared(ctx); err != nil {
		return nil, err
	}
	l.token = filepath.Join(dir, "kubelet-token")
	return l, l.cluster.Deploy(ctx, filepath.Join(l.root, "deploy", "kubernetes", "remediator.yaml"), l.token)
}

// node starts a node of its own for a play. Its name is new: what was known of
// another under that name would count as its past.
func (l *lab) node(ctx context.Context, r row) (*cluster.Node, error) {
	l.nodes.Lock()
	defer l.nodes.Unlock()
	l.number++
	return l.cluster.Node(ctx, cluster.NodeConfig{
		Name: fmt.Sprintf("play-%d", l.number), Layout: r.layout(), Kubelet: r.settings(), Flags: r.fill.flags,
	})
}

// remove ends a node and all there is of it.
func (l *lab) remove(ctx context.Context, n *cluster.Node) error {
	l.nodes.Lock()
	defer l.nodes.Unlock()
	return n.Remove(ctx)
}

// folder makes the folder of a play.
func (l *lab) folder(n *cluster.Node) (string, error) {
	dir := filepath.Join(l.dir, n.Name)
	return dir, os.Mkdir(dir, 0o755)
}
