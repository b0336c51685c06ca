package remediator

import (
	"log/slog"
	"math"
	"strings"
	"testing"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/nodetest"
	"github.com/nodeheadroom/headroom/remediator/engine"
)

// read reads a signal of the machine under a kubelet's configuration.
func (m *machine) read(config string, s headroom.Signal, flags ...string) (engine.View, error) {
	m.t.Helper()
	file := m.write("kubelet.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"+config, 0o644)
	var set settings
	if _, err := parse(&set, m.args(append(flags, "--kubelet.config="+file)...)); err != nil {
		m.t.Fatal(err)
	}
	machine, err := set.node.Machine(slog.New(slog.DiscardHandler))
	if err != nil {
		m.t.Fatal(err)
	}
	if err := machine.Refresh(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	return reader{node: machine.Node, source: machine.Source}.Read(m.t.Context(), s)
}

func TestReadsWhatTheKubeletCompares(t *testing.T) {
	const third = "evictionHard: {nodefs.available: 25%, imagefs.available: 50%, nodefs.inodesFree: 1k, pid.available: 10%}\n"
	cases := map[string]struct {
		signal    headroom.Signal
		available int64 // -1 is whatever
		capacity  int64
		threshold int64
		disk      bool
	}{
		"bytes of nodefs":   {headroom.NodeFSAvailable, 3 * mebi, 64 * mebi, 16 * mebi, true},
		"bytes of imagefs":  {headroom.ImageFSAvailable, 3 * mebi, 64 * mebi, 32 * mebi, true},
		"inodes":            {headroom.NodeFSInodesFree, -1, 10_000, 1000, true},
		"a copy of nodefs":  {headroom.ContainerFSAvailable, 3 * mebi, 64 * mebi, 16 * mebi, true},
		"pids have no disk": {headroom.PIDAvailable, -1, -1, -1, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.full()
			v, err := m.read(third, c.signal)
			if err != nil {
				t.Fatal(err)
			}
			if c.available >= 0 && v.Available != c.available || c.capacity >= 0 && (v.Capacity != c.capacity || v.Threshold != c.threshold) {
				t.Errorf("%d available of %d, threshold %d; want %d, %d, %d", v.Available, v.Capacity, v.Threshold, c.available, c.capacity, c.threshold)
			}
			if want := float64(v.Available-v.Threshold) / float64(v.Capacity); v.Ratio != want || v.At.IsZero() {
				t.Errorf("ratio %v at %s, want %v", v.Ratio, v.At, want)
			}
			if (v.Disk != node.Disk{}) != c.disk {
				t.Errorf("disk %v", v.Disk)
			}
		})
	}
}

func TestContainerFSOnADiskOfItsOwnHasImageFSsThresholdsWhereTheyShareIt(t *testing.T) {
	m := newMachine(t)
	images := nodetest.Tmpfs(t, 32*mebi, 0)
	v, err := m.read("evictionHard: {nodefs.available: 25%, imagefs.available: 50%}\n", headroom.ContainerFSAvailable, "--path.imagefs="+images)
	if err != nil || v.Capacity != 32*mebi || v.Threshold != v.Capacity/2 {
		t.Errorf("threshold %d of %d, %v", v.Threshold, v.Capacity, err)
	}
}

func TestTheFloorOfATarget(t *testing.T) {
	cases := map[string]struct {
		config string
		signal headroom.Signal
		want   float64
	}{
		"where image garbage collection begins":                  {"evictionHard: {nodefs.available: 10%}\n", headroom.NodeFSAvailable, 0.06},
		"5 % where it is off":                                    {"evictionHard: {nodefs.available: 10%}\nimageGCHighThresholdPercent: 100\n", headroom.NodeFSAvailable, 0.05},
		"5 % where it is off and would begin late":               {"evictionHard: {nodefs.available: 0.5%}\nimageGCHighThresholdPercent: 100\n", headroom.NodeFSAvailable, 0.05},
		"5 % for memory":                                         {"evictionHard: {memory.available: 1Mi}\n", headroom.MemoryAvailable, 0.05},
		"5 % where it could begin only after the eviction":       {"evictionHard: {nodefs.available: 10%}\nimageGCHighThresholdPercent: 95\n", headroom.NodeFSAvailable, 0.05},
		"5 % for inodes, which it does not look at":              {"evictionHard: {nodefs.inodesFree: 2%}\n", headroom.NodeFSInodesFree, 0.05},
		"5 % for pids":                                           {"evictionHard: {pid.available: 2%}\n", headroom.PIDAvailable, 0.05},
		"the minimum reclaim where that is more":                 {"evictionHard: {nodefs.available: 10%}\nevictionMinimumReclaim: {nodefs.available: 20%}\n", headroom.NodeFSAvailable, 0.20},
		"not the minimum reclaim where that is less":             {"evictionHard: {nodefs.available: 10%}\nevictionMinimumReclaim: {nodefs.available: 1%}\n", headroom.NodeFSAvailable, 0.06},
		"above the minimum reclaim of another signal is no need": {"evictionHard: {nodefs.available: 10%}\nevictionMinimumReclaim: {imagefs.available: 20%}\n", headroom.NodeFSAvailable, 0.06},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v, err := newMachine(t).read(c.config, c.signal)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(v.Floor-c.want) > 1e-6 {
				t.Errorf("floor %v, want %v", v.Floor, c.want)
			}
		})
	}
}

// A log says nothing of image garbage collection.
func TestTheFloorOfATargetWhereOnlyALogTells(t *testing.T) {
	ts, err := headroom.EvictionConfig{Hard: map[string]string{"nodefs.available": "10%"}}.Thresholds()
	if err != nil {
		t.Fatal(err)
	}
	state := headroom.State{Capacity: 1000}
	if got := floor(&kubelet.Configuration{Thresholds: ts, HardOnly: true}, ts[0], state); got != alertLevel {
		t.Errorf("floor %v, want %v", got, alertLevel)
	}
}

func TestWhatCannotBeToldIsAnError(t *testing.T) {
	cases := map[string]struct {
		config string
		signal headroom.Signal
		flags  func(t *testing.T) []string
		want   string
	}{
		"a threshold that is switched off":        {"evictionHard: {memory.available: 1Mi}\n", headroom.NodeFSAvailable, nil, "nodefs.available has no hard threshold"},
		"a soft threshold alone":                  {"evictionHard: {memory.available: 1Mi}\nevictionSoft: {nodefs.available: 20%}\nevictionSoftGracePeriod: {nodefs.available: 1m}\n", headroom.NodeFSAvailable, nil, "no hard threshold"},
		"a filesystem that counts no inodes":      {"", headroom.NodeFSInodesFree, func(t *testing.T) []string { return []string{"--path.nodefs=" + uncounted(t)} }, "capacity of 0"},
		"a path that is not there":                {"", headroom.NodeFSAvailable, func(*testing.T) []string { return []string{"--path.nodefs=/nowhere"} }, "/nowhere"},
		"a containerfs of which one disk is gone": {"", headroom.ContainerFSAvailable, func(*testing.T) []string { return []string{"--path.nodefs=/nowhere"} }, "/nowhere"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var flags []string
			if c.flags != nil {
				flags = c.flags(t)
			}
			if v, err := newMachine(t).read(c.config, c.signal, flags...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v; want an error with %q", v, err, c.want)
			}
		})
	}
}

// uncounted is a filesystem without a limit of inodes.
func uncounted(t *testing.T) string {
	dir := t.TempDir()
	nodetest.Mount(t, "tmpfs", dir, "tmpfs", "nr_inodes=0")
	return dir
}
