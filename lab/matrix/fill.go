package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// A fill is one way in which a disk fills up, and what real nodes have that makes
// it possible.
type fill struct {
	name  string
	title string // for people, as the table has it
	// disk is the role of the disk that fills where there are two, nodefs or
	// imagefs, and unit what is used up of it: bytes or inodes.
	disk, unit string

	kubelet map[string]any // of its configuration, beside what all nodes have
	flags   []string       // of the kubelet
	nodefs  []string       // further arguments for the mkfs of nodefs
	size    int64          // of each disk, in bytes; 0 is diskSize
	// conditions is what else its nodes have, in words.
	conditions string
	version    int // raised when it is no longer played as before

	// offender is what is to blame, as pods; nil where it is not a pod. It runs
	// before the fill begins.
	offender func(*stand) *cluster.Workload
	// prepare makes what must be there before the fill begins, and before the
	// disk is settled; nil if nothing.
	prepare func(context.Context, *stand) error
	// ages is how long what was prepared must have been seen by the remediator
	// before the fill begins: it leaves alone what is young.
	ages time.Duration
	// run fills: it takes the amount that the order says in the time that it
	// says, whatever others do, and returns when it has ended.
	run func(context.Context, *stand, order) error
	// lost is how many bytes of the offender's log nobody can read any more,
	// where that is no container's; nil otherwise.
	lost func(context.Context, *stand) (int64, error)
}

const (
	nodefs   = "nodefs"
	imagefs  = "imagefs"
	inBytes  = "bytes"
	inInodes = "inodes"
)

// offend is the offender's Deployment where one is needed: its containers wait for
// an order.
func offend(replicas int) func(*stand) *cluster.Workload {
	return func(s *stand) *cluster.Workload {
		return &cluster.Workload{
			Name: "offender", Namespace: s.namespace(), Node: s.node, Replicas: replicas,
			Containers: map[string][]string{"offender": {"obey", "/data/order"}},
		}
	}
}

// errNobody is that no offender is left.
var errNobody = errors.New("there is no offender any more")

// command hands an order to every pod of the offender: the words that its worker is
// to obey.
func command(ctx context.Context, s *stand, words ...any) error {
	volumes, err := s.offenders(ctx)
	if err != nil {
		return err
	}
	told := 0
	for _, volume := range volumes {
		path := filepath.Join(volume, "order")
		err := os.WriteFile(path+".new", []byte(strings.TrimSpace(fmt.Sprintln(words...))), 0o644)
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		switch {
		case err == nil:
			told++
		case !errors.Is(err, os.ErrNotExist): // the pod was evicted, or never ran
			return err
		}
	}
	if told == 0 {
		return fmt.Errorf("tell it to %v: %w", words, errNobody)
	}
	return nil
}

// offenders are the folders of the offender's emptyDirs, one a pod.
func (s *stand) offenders(ctx context.Context) ([]string, error) {
	pods, err := s.lab.cluster.PodsOf(ctx, *s.row.fill.offender(s))
	var volumes []string
	for _, pod := range pods {
		volumes = append(volumes, filepath.Join(s.node.RootDir(), "pods", pod.Metadata.UID, "volumes", "kubernetes.io~empty-dir", "data"))
	}
	return volumes, err
}
