package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
)

// status prints the lab as it is now; it is an error if it is not whole.
func status(ctx context.Context, o options, out io.Writer) error {
	c, err := cluster.Open(o.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	explain(c, out)
	fmt.Fprintln(out)
	for _, n := range c.Nodes() {
		line, err := describe(ctx, n)
		if err != nil {
			fmt.Fprintf(out, "%s  cannot tell: %v\n", n.Name, err)
			continue
		}
		fmt.Fprintln(out, line)
	}
	return c.Whole()
}

// watch prints a node's line whenever it has changed.
func watch(ctx context.Context, o options, out io.Writer) error {
	c, err := cluster.Open(o.dir)
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := map[string]string{}
	for {
		for _, n := range c.Nodes() {
			line, err := describe(ctx, n)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				line = n.Name + "  cannot tell: " + err.Error()
			}
			if line != last[n.Name] {
				fmt.Fprintf(out, "%s  %s\n", time.Now().Format(time.TimeOnly), line)
			}
			last[n.Name] = line
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// describe is a node in a line: what is free, its conditions, its pods.
func describe(ctx context.Context, n *cluster.Node) (string, error) {
	object, err := n.Object(ctx)
	if err != nil {
		return "", err
	}
	pods, err := n.Pods(ctx)
	if err != nil {
		return "", err
	}
	nodefs, err1 := free(n.RootDir())
	imagefs, err2 := free(n.ContainerdRoot())
	return fmt.Sprintf("%s  nodefs %s  imagefs %s  %s  pods: %s",
		n.Name, nodefs, imagefs, conditions(object), count(pods)), errors.Join(err1, err2)
}

// free is what statfs says, in percent: what a threshold is compared with.
func free(path string) (string, error) {
	s, err := disk.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.1f%% of %d MiB free", 100*float64(s.Available)/float64(s.Capacity), s.Capacity>>20), nil
}

// conditions lists those that are true.
func conditions(object cluster.NodeObject) string {
	var names []string
	for _, c := range object.Status.Conditions {
		if c.Status == "True" {
			names = append(names, c.Type)
		}
	}
	if len(names) == 0 {
		return "NotReady"
	}
	return strings.Join(names, "+")
}

// count counts pods by what has become of them.
func count(pods []cluster.Pod) string {
	kinds := map[string]int{}
	for _, pod := range pods {
		switch {
		case pod.Evicted():
			kinds["Evicted"]++
		case pod.Ready():
			kinds["ready"]++
		default:
			kinds[pod.Status.Phase]++
		}
	}
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		words = append(words, fmt.Sprintf("%d %s", kinds[kind], kind))
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
