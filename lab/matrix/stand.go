package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/prometheus"
	"github.com/nodeheadroom/headroom/lab/registry"
)

// A stand is one node with all that runs on it and beside it, for one play.
type stand struct {
	lab  *lab
	row  row
	with bool // the remediator
	node *cluster.Node
	dir  string
	logs *reader

	registry   *registry.Registry
	prometheus prometheus.Server
	running    []*process.Process // in the order of their start
	undo       []func() error     // what else has to be ended, in the order of its start
}

// set starts a node with its pods and everything beside it, and settles its disk.
func (l *lab) set(ctx context.Context, r row, with bool) (*stand, error) {
	n, err := l.node(ctx, r)
	if err != nil {
		return nil, err
	}
	s := &stand{lab: l, row: r, with: with, node: n, logs: newReader(n.PodLogs())}
	if err := s.setUp(ctx); err != nil {
		return nil, errors.Join(err, s.strike(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *stand) setUp(ctx context.Context) (err error) {
	if s.dir, err = s.lab.folder(s.node); err != nil {
		return err
	}
	if err := os.WriteFile(s.token(), []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	if err := s.startRegistry(ctx); err != nil {
		return err
	}
	if err := s.pods(ctx); err != nil {
		return err
	}
	if s.row.fill.prepare != nil {
		if err := s.row.fill.prepare(ctx, s); err != nil {
			return err
		}
	}
	if s.with {
		if err := s.startRemediator(ctx); err != nil {
			return err
		}
	}
	if err := s.settle(); err != nil {
		return err
	}
	return s.startOthers(ctx)
}

// strike ends everything.
func (s *stand) strike(ctx context.Context) error {
	var failed error
	for i := len(s.running) - 1; i >= 0; i-- {
		failed = errors.Join(failed, s.running[i].Stop(10*time.Second))
	}
	for i := len(s.undo) - 1; i >= 0; i-- {
		failed = errors.Join(failed, s.undo[i]())
	}
	return errors.Join(failed, s.lab.remove(ctx, s.node), os.RemoveAll(s.dir))
}

// namespace is where the play's pods are: one for each, as Deployments of different
// plays have the same names.
func (s *stand) namespace() string { return s.node.Name }

const bystanders = 3

// bystander is a Deployment of ordinary pods that log little.
func (s *stand) bystander() cluster.Workload {
	return cluster.Workload{
		Name: "bystander", Namespace: s.namespace(), Node: s.node, Replicas: bystanders,
		Image: s.registry.Host() + "/" + bystanderImage, Pull: "IfNotPresent",
		Containers: map[string][]string{"app": {"log", "100000000", "200"}},
	}
}

// workloads are the play's Deployments.
func (s *stand) workloads() []cluster.Workload {
	all := []cluster.Workload{s.bystander()}
	if s.row.fill.offender != nil {
		all = append(all, *s.row.fill.offender(s))
	}
	return all
}

// pods starts the Deployments and waits until their pods are Ready.
func (s *stand) pods(ctx context.Context) error {
	c := s.lab.cluster
	err := c.Create(ctx, "/api/v1/namespaces", map[string]any{"metadata": map[string]any{"name": s.namespace()}})
	if err != nil {
		return err
	}
	account := "/api/v1/namespaces/" + s.namespace() + "/serviceaccounts"
	if err := c.Create(ctx, account, map[string]any{"metadata": map[string]any{"name": "default"}}); err != nil {
		return err
	}
	for _, w := range s.workloads() {
		w := w
		s.undo = append(s.undo, func() error {
			return c.Do(context.Background(), "DELETE", "/apis/apps/v1/namespaces/"+s.namespace()+"/deployments/"+w.Name, nil, nil)
		})
		if err := c.Run(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// filling is the folder on the disk that fills.
func (s *stand) filling() string {
	if s.row.fill.disk == imagefs {
		return s.node.ContainerdRoot()
	}
	return s.node.RootDir()
}

// level is what is available of the disk that fills, and of how much.
func (s *stand) level() (available, capacity int64, err error) {
	space, err := disk.Stat(s.filling())
	if s.row.fill.unit == inInodes {
		return space.Free, space.Inodes, err
	}
	return space.Available, space.Capacity, err
}

// settle takes what is too much of the disk away, as years of use do, so that the
// fill begins where it should.
func (s *stand) settle() error {
	threshold, err := s.threshold()
	if err != nil {
		return err
	}
	available, capacity, err := s.level()
	if err != nil {
		return err
	}
	goal := threshold + int64(distance*float64(capacity))
	filler := s.node.Nodefs
	if s.row.fill.disk == imagefs {
		filler = s.node.Imagefs
	}
	switch {
	case available <= goal:
		return errors.New("there is less on the disk than a fill begins with")
	case s.row.fill.unit == inInodes:
		return filler.LeaveInodes(goal)
	}
	return filler.Take(available - goal)
}

// order is what the row's fill takes.
func (s *stand) order() (order, error) {
	_, capacity, err := s.level()
	return order{amount: int64((distance + beyond) * float64(capacity)), lasts: s.row.speed.lasts()}, err
}
