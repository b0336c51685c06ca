package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// images is a node that runs one job after another, each with an image of its own
// that is pulled for it and then lies there unused. As many as the fill brings lie
// there from before, for longer than the policy wants an image to have been unused.
var images = fill{
	name:    "images",
	title:   "unused images",
	disk:    imagefs,
	unit:    inBytes,
	size:    3 << 29, // for what lies there already, too
	prepare: func(ctx context.Context, s *stand) error { return pull(ctx, s, "old", 0) },
	ages:    11 * time.Minute,
	run: func(ctx context.Context, s *stand, o order) error {
		lasts, cancel := context.WithTimeout(ctx, o.lasts)
		defer cancel()
		err := pull(lasts, s, "new", o.lasts/jobs)
		if err != nil && lasts.Err() == nil {
			return err
		}
		<-lasts.Done() // no more are pulled when the time is over
		return ctx.Err()
	},
}

const (
	// jobs is how many images a fill brings.
	jobs = 12
	// twice is how often a byte of an image is on the disk of a containerd: as it
	// was pulled, and unpacked.
	twice = 2
)

// pull runs jobs whose names begin so, a new one every so often.
func pull(ctx context.Context, s *stand, name string, every time.Duration) error {
	o, err := s.order()
	if err != nil {
		return err
	}
	tick := time.NewTicker(max(every, time.Millisecond))
	defer tick.Stop()
	for i := range jobs {
		image := fmt.Sprintf("%s-%d:1", name, i+1)
		if err := s.serve(ctx, image, o.amount/jobs/twice); err != nil {
			return err
		}
		if err := s.job(ctx, fmt.Sprintf("%s-%d", name, i+1), image); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// job runs a pod to its end and removes it, as what runs jobs does.
func (s *stand) job(ctx context.Context, name, image string) error {
	w := cluster.Workload{
		Name: name, Namespace: s.namespace(), Node: s.node, Image: s.registry.Host() + "/" + image, Pull: "IfNotPresent",
		Containers: map[string][]string{"job": {"end"}}, Spec: map[string]any{"restartPolicy": "Never"},
	}
	if err := s.lab.cluster.Apply(ctx, w); err != nil {
		return err
	}
	err := cluster.Wait(ctx, "job "+name, func(ctx context.Context) error {
		pods, err := s.lab.cluster.PodsOf(ctx, w)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if phase := pod.Status.Phase; phase != "Succeeded" && phase != "Failed" {
				return fmt.Errorf("it is %s %v", phase, pod.Status.ContainerStatuses)
			}
		}
		return nil
	})
	return errors.Join(err, s.lab.cluster.Delete(context.WithoutCancel(ctx), w))
}
