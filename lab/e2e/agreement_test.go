//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
)

func TestExporterShowsWhatTheKubeletSees(t *testing.T) {
	t.Parallel()
	reserved := cluster.OneDisk
	reserved.Nodefs.Options = []string{"-m", "5"}
	for name, layout := range map[string]cluster.Layout{
		"one disk":                         cluster.OneDisk,
		"nodefs and imagefs apart":         cluster.TwoDisks,
		"xfs, whose inodes are made":       cluster.OneXFS,
		"ext4 with blocks that are root's": reserved,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, n := startNode(t, cluster.NodeConfig{Layout: layout, Kubelet: with(map[string]any{
				"evictionHard": map[string]any{"memory.available": "1Mi"},
			})})
			// What a pod takes is what allocatable memory is short of.
			c.StartPods(t, cluster.Workload{Name: "takes-" + n.Name, Node: n,
				Containers: map[string][]string{"memory": {"memory", "300000000"}, "rest": {"inodes", "/data", "100"}}})
			e := startExporter(t, n)
			agree(t, n, e)

			fill(t, n.Nodefs, 77_777_777, 12_345) // on xfs the inodes that there can be grow fewer, too
			if n.Layout.Imagefs.Type != "" {
				fill(t, n.Imagefs, 1_234_567_890, 4_321)
			}
			agree(t, n, e)
		})
	}
}

// fill leaves so many bytes of a filesystem, and takes some of its inodes.
func fill(t *testing.T, f *disk.Filler, leave, inodes int64) {
	t.Helper()
	if err := f.Take(1); err != nil {
		t.Fatal(err)
	}
	s, err := disk.Stat(f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.LeaveInodes(s.Free - inodes); err != nil {
		t.Fatal(err)
	}
	if err := f.Leave(leave); err != nil {
		t.Fatal(err)
	}
}

// agree waits until the exporter shows of every signal what the kubelet has
// measured after this call: the kubelet looks every ten seconds or so.
func agree(t *testing.T, n *cluster.Node, e *exporter) {
	t.Helper()
	since, pending := time.Now(), make(map[headroom.Signal]error)
	for _, signal := range headroom.Signals() {
		pending[signal] = errors.New("not compared yet")
	}
	err := cluster.Wait(t.Context(), "exporter and kubelet to agree", func(ctx context.Context) error {
		before, err := e.scrape(ctx)
		if err != nil {
			return err
		}
		seen, err := observe(ctx, n)
		if err != nil {
			return err
		}
		after, err := e.scrape(ctx)
		if err != nil {
			return err
		}
		for signal := range pending {
			if pending[signal] = compare(before, after, seen, signal, since); pending[signal] == nil {
				t.Logf("%s: %d of %d", signal, seen[signal].Available, seen[signal].Capacity)
				delete(pending, signal)
			}
		}
		if len(pending) > 0 {
			return fmt.Errorf("%v", pending)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// compare says how a signal's two scrapes differ from what the kubelet answered
// between them.
func compare(before, after samples, seen map[headroom.Signal]headroom.Reading, signal headroom.Signal, since time.Time) error {
	first, err := before.reading(signal)
	if err != nil {
		return err
	}
	last, err := after.reading(signal)
	if err != nil {
		return err
	}
	kubelet, ok := seen[signal]
	switch {
	case !ok:
		return errors.New("the kubelet does not tell")
	case !kubelet.At.After(since):
		return fmt.Errorf("the kubelet's is from %s, want later than %s", kubelet.At, since)
	case first.Available != last.Available && signal != headroom.MemoryAvailable:
		return fmt.Errorf("it does not hold still: %d, then %d", first.Available, last.Available)
	case last.Capacity != kubelet.Capacity:
		return fmt.Errorf("capacity is %d, the kubelet's %d", last.Capacity, kubelet.Capacity)
	}
	tolerance := int64(0)
	if signal == headroom.MemoryAvailable { // it never holds still for as long as the kubelet takes to look again
		tolerance = kubelet.Available / 100
	}
	if off := last.Available - kubelet.Available; off > tolerance || off < -tolerance {
		return fmt.Errorf("available is %d, the kubelet's %d", last.Available, kubelet.Available)
	}
	return nil
}
