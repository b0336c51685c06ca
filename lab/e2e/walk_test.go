//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
)

func TestThresholdIsMetWhereTheKubeletMeetsIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		signal    headroom.Signal
		threshold string
		walk      func(*testing.T, *disk.Filler) walker
		between   bool // two blocks
	}{
		"a share of the capacity, which ends in the midst of a block": {headroom.NodeFSAvailable, "37.7%", byBlocks, true},
		"an amount that is whole blocks: equal is not met":            {headroom.NodeFSAvailable, "512Mi", byBlocks, false},
		"inodes, one by one": {headroom.NodeFSInodesFree, "93%", byInodes, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, n := startNode(t, cluster.NodeConfig{
				Layout: cluster.TwoDisks.Sized(1<<30, 1<<30), // with images on nodefs the kubelet would remove them
				Kubelet: with(map[string]any{
					"evictionHard":              map[string]any{string(test.signal): test.threshold},
					"nodeStatusUpdateFrequency": "1s",
				}),
				Flags: []string{talkative},
			})
			e := startExporter(t, n)
			threshold := thresholdOf(t, e, test.signal)
			w := test.walk(t, n.Nodefs)
			if between := threshold%w.step() != 0; between != test.between {
				t.Fatalf("threshold %d of blocks of %d", threshold, w.step())
			}
			least := (threshold + w.step() - 1) / w.step() * w.step() // that is not below the threshold
			for _, available := range []int64{least + w.step(), least, least - w.step(), least} {
				met := kubeletMeets(t, n, test.signal, w, available, threshold)
				if want := available < threshold; met != want {
					t.Errorf("at %d the kubelet's threshold is met: %t", available, met)
				}
				e.await(t, "what the kubelet sees", func(s samples) error { return shows(s, test.signal, available, met) })
				condition, err := n.WaitCondition(t.Context(), "DiskPressure", map[bool]string{true: "True", false: "False"}[met])
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%d of %d: %s", available, threshold, condition.Reason)
			}
		})
	}
}

// thresholdOf waits for the exporter to show a hard threshold.
func thresholdOf(t *testing.T, e *exporter, signal headroom.Signal) int64 {
	t.Helper()
	var threshold float64
	e.await(t, "a threshold", func(s samples) (err error) {
		threshold, err = s.get("headroom_threshold_"+string(signal.Unit()), "signal", string(signal), "eviction", "hard")
		return err
	})
	return int64(threshold)
}

// shows returns an error unless the exporter shows this much, and whether its
// threshold is met.
func shows(s samples, signal headroom.Signal, available int64, met bool) error {
	r, err := s.reading(signal)
	if err != nil {
		return err
	}
	if r.Available != available {
		return fmt.Errorf("%s is %d, want %d", signal, r.Available, available)
	}
	value := 0.0
	if met {
		value = 1
	}
	return s.want(value, "headroom_threshold_met", "signal", string(signal), "eviction", "hard")
}

// kubeletMeets leaves so much, waits until the kubelet has seen that in a round that
// began after this call, and returns whether it found its threshold met.
func kubeletMeets(t *testing.T, n *cluster.Node, signal headroom.Signal, w walker, available, threshold int64) bool {
	t.Helper()
	before, err := looks(n)
	if err != nil {
		t.Fatal(err)
	}
	met := false
	err = cluster.Wait(t.Context(), fmt.Sprintf("the kubelet to see %d of %s", available, signal), func(context.Context) error {
		if err := w.to(available); err != nil { // again, if the kubelet has written something
			return err
		}
		all, err := looks(n)
		if err != nil {
			return err
		}
		for _, l := range all[len(before):] {
			if l.over && l.readings[signal].Available == available {
				var quantity int64
				if quantity, met = l.met[signal]; met && quantity != threshold {
					t.Errorf("the kubelet compares with %d, the exporter with %d", quantity, threshold)
				}
				return nil
			}
		}
		return fmt.Errorf("in %d rounds it has not", len(all)-len(before))
	})
	if err != nil {
		t.Fatal(err)
	}
	return met
}
