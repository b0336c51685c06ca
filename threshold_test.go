package headroom_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
)

func TestThresholdIsMetStrictlyBelow(t *testing.T) {
	for _, c := range []struct {
		raw                 string
		available, capacity int64
		want                bool
	}{
		{"10%", 1000, 10000, false},
		{"10%", 999, 10000, true},
		{"15%", 16106128000, 107374182400, false},
		{"15%", 16106127999, 107374182400, true},
		{"5%", 0, 0, false}, // a filesystem that counts no inodes
		{"1k", 0, 0, true},  // the same, for ever
		{"5%", 0, 19, false},
		{"5%", 0, 100, true},
		{"100.5", 100, 0, true},
		{"100.5", 101, 0, false},
		{"100m", 0, 0, true},
		{"100m", 1, 0, false},
		{"100.0%", 999, 1000, true},
		{"100.0%", 1000, 1000, false},
		{"0.0%", 0, 1000, false},
		{"0.0%", -1, 1000, true},
		{"100Mi", -100, 6000, true},
		{"16Ei", math.MaxInt64, math.MaxInt64, false},
		{"16Ei", math.MaxInt64 - 1, math.MaxInt64, true},
		{"9223372036854775808", math.MaxInt64, 0, true}, // beyond what can be there
		{"1e2147483647", math.MaxInt64, 0, true},        // at once
		{"NaN%", 0, 1000, false},
		{"NaN%", 999, 1000, false},
	} {
		threshold := parse(t, c.raw)
		got := threshold.Met(headroom.Reading{Available: c.available, Capacity: c.capacity})
		if got != c.want {
			t.Errorf("<%s with %d of %d: met is %v", c.raw, c.available, c.capacity, got)
		}
	}
}

func TestHeadroomIsWhatIsLeftAboveTheThreshold(t *testing.T) {
	for name, c := range map[string]struct {
		raw                 string
		available, capacity int64
		headroom            int64
		ratio               float64
		ok                  bool
	}{
		"above":                      {"10%", 3000, 10000, 2000, 0.2, true},
		"at":                         {"10%", 1000, 10000, 0, 0, true},
		"below":                      {"10%", 500, 10000, -500, -0.05, true},
		"a share of nothing":         {"1k", 0, 0, -1000, 0, false},
		"a share of less than that":  {"1k", -1, -1, -1001, 0, false},
		"a threshold without value":  {"NaN%", 500, 1000, 500, 0.5, true},
		"more tasks than pid_max":    {"10%", -7232, 32768, -10508, -10508. / 32768, true},
		"no room for the number":     {"16Ei", -2, 1 << 62, math.MinInt64, -2, true},
		"a threshold beyond the end": {"9223372036854775808", math.MaxInt64, math.MaxInt64, 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			threshold := parse(t, c.raw)
			r := headroom.Reading{Available: c.available, Capacity: c.capacity}
			if got := threshold.Headroom(r); got != c.headroom {
				t.Errorf("headroom is %d, want %d", got, c.headroom)
			}
			if got, ok := threshold.Ratio(r); got != c.ratio || ok != c.ok {
				t.Errorf("ratio is %v, %v, want %v, %v", got, ok, c.ratio, c.ok)
			}
		})
	}
}

func TestConfigurationBecomesThresholds(t *testing.T) {
	for name, c := range map[string]struct {
		config headroom.EvictionConfig
		want   []string
	}{
		"nothing": {headroom.EvictionConfig{EnforcePods: true}, nil},
		"hard before soft, in the order of the signals": {
			headroom.EvictionConfig{
				Hard:            statements("pid.available 10%", "memory.available 100Mi", "nodefs.available 10%"),
				Soft:            statements("nodefs.available 15%", "memory.available 1Gi"),
				SoftGracePeriod: statements("nodefs.available 1m30s", "memory.available 2m"),
			},
			[]string{"hard memory.available<100Mi", "hard nodefs.available<10%", "hard pid.available<10%", "soft memory.available<1Gi 2m0s", "soft nodefs.available<15% 1m30s"},
		},
		"memory holds for the pods' cgroup, too, if hard": {
			headroom.EvictionConfig{
				Hard: statements("memory.available 100Mi"), Soft: statements("memory.available 1Gi"), SoftGracePeriod: statements("memory.available 2m"),
				MinimumReclaim: statements("memory.available 500Mi"), EnforcePods: true,
			},
			[]string{"hard memory.available<100Mi +500Mi", "soft memory.available<1Gi 2m0s +500Mi", "hard allocatableMemory.available<100Mi +500Mi"},
		},
		"a soft one without grace is taken for hard": {
			headroom.EvictionConfig{Soft: statements("memory.available 1Gi"), SoftGracePeriod: statements("memory.available 0s"), EnforcePods: true},
			[]string{"soft memory.available<1Gi", "soft allocatableMemory.available<1Gi"},
		},
		"the pods' cgroup by its own name": {
			headroom.EvictionConfig{Hard: statements("allocatableMemory.available 1Gi")},
			[]string{"hard allocatableMemory.available<1Gi"},
		},
		"grace and reclaim of what has no threshold": {
			headroom.EvictionConfig{SoftGracePeriod: statements("pid.available 1s"), MinimumReclaim: statements("pid.available 1%")},
			nil,
		},
		"reclaim of 0 and of more than all": {
			headroom.EvictionConfig{Hard: statements("pid.available 1", "nodefs.available 1"), MinimumReclaim: statements("pid.available 0", "nodefs.available 200%")},
			[]string{"hard nodefs.available<1 +200%", "hard pid.available<1 +0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ts, err := c.config.Thresholds()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lines(ts)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConfigurationThatTheKubeletRefusesIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		config headroom.EvictionConfig
		want   string
	}{
		"an unknown hard signal":        {headroom.EvictionConfig{Hard: statements("nodefs.free 1")}, `evictionHard: unknown eviction signal "nodefs.free"`},
		"an unknown signal at 0%":       {headroom.EvictionConfig{Hard: statements("nodefs.free 0%")}, `evictionHard: unknown eviction signal "nodefs.free"`},
		"an unknown soft signal":        {headroom.EvictionConfig{Soft: statements("Pid.available 1")}, `evictionSoft: unknown eviction signal "Pid.available"`},
		"an unknown signal's grace":     {headroom.EvictionConfig{SoftGracePeriod: statements("pids 1s")}, `evictionSoftGracePeriod: unknown eviction signal "pids"`},
		"an unknown signal's reclaim":   {headroom.EvictionConfig{MinimumReclaim: statements("pids 1")}, `evictionMinimumReclaim: unknown eviction signal "pids"`},
		"soft without grace":            {headroom.EvictionConfig{Soft: statements("pid.available 1")}, "evictionSoftGracePeriod: pid.available has a soft threshold (1) and needs a grace period"},
		"grace without a unit":          {headroom.EvictionConfig{SoftGracePeriod: statements("pid.available 30")}, `evictionSoftGracePeriod: pid.available: "30"`},
		"negative grace":                {headroom.EvictionConfig{SoftGracePeriod: statements("pid.available -1s")}, `evictionSoftGracePeriod: pid.available: "-1s" is negative`},
		"a reclaim of 0%":               {headroom.EvictionConfig{MinimumReclaim: statements("pid.available 0%")}, `evictionMinimumReclaim: pid.available: "0%" is not above 0%`},
		"a negative reclaim":            {headroom.EvictionConfig{MinimumReclaim: statements("pid.available -1")}, `evictionMinimumReclaim: pid.available: "-1" is negative`},
		"a reclaim that is no number":   {headroom.EvictionConfig{MinimumReclaim: statements("pid.available x")}, `evictionMinimumReclaim: pid.available: "x"`},
		"of two errors always the same": {headroom.EvictionConfig{Hard: statements("pid.available x", "memory.available y")}, `evictionHard: memory.available: "y"`},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 { // whatever the order of the maps
				ts, err := c.config.Thresholds()
				if err == nil || !strings.HasPrefix(err.Error(), c.want) {
					t.Fatalf("got %v, %v, want an error with %q", ts, err, c.want)
				}
			}
		})
	}
}

func TestContainerFSThresholdsAreCopies(t *testing.T) {
	config := headroom.EvictionConfig{
		Hard:            statements("nodefs.available 10%", "nodefs.inodesFree 5%", "imagefs.available 15%", "containerfs.available 1Gi"),
		Soft:            statements("nodefs.available 20%", "imagefs.inodesFree 7%", "containerfs.inodesFree 1k"),
		SoftGracePeriod: statements("nodefs.available 1m", "imagefs.inodesFree 2m", "containerfs.inodesFree 3m"),
		MinimumReclaim:  statements("nodefs.available 1Gi", "imagefs.available 2Gi"),
	}
	configured, err := config.Thresholds()
	if err != nil {
		t.Fatal(err)
	}
	before := lines(configured)
	ofNodeFS := []string{"hard containerfs.available<10% +1Gi", "hard containerfs.inodesFree<5%", "soft containerfs.available<20% 1m0s +1Gi"}
	for name, c := range map[string]struct {
		dedicated, split bool
		want             []string
	}{
		"of nodefs's on one disk":                           {false, false, ofNodeFS},
		"of nodefs's where images alone have a disk":        {true, true, ofNodeFS},
		"of imagefs's where images and containers share it": {true, false, []string{"hard containerfs.available<15% +2Gi", "soft containerfs.inodesFree<7% 2m0s"}},
		"none, only what is configured, on a third disk":    {false, true, []string{"hard containerfs.available<1Gi", "soft containerfs.inodesFree<1k 3m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, threshold := range configured.WithContainerFS(c.dedicated, c.split) {
				if threshold.Signal.Filesystem() == headroom.ContainerFS {
					got = append(got, line(threshold))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, lines(configured)); diff != "" {
				t.Errorf("what was configured changed: %s", diff)
			}
		})
	}
}

// A soft threshold without grace is a hard one to the kubelet, and of two hard
// ones the kubelet takes the last for containerfs.
func TestContainerFSThresholdIsTheLastHardOne(t *testing.T) {
	configured, err := headroom.EvictionConfig{
		Hard: statements("nodefs.available 10%", "nodefs.inodesFree 5%"), Soft: statements("nodefs.available 20%"),
		SoftGracePeriod: statements("nodefs.available 0s"),
	}.Thresholds()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"hard nodefs.available<10%", "hard nodefs.inodesFree<5%", "soft nodefs.available<20%",
		"hard containerfs.available<20%", "hard containerfs.inodesFree<5%",
	}
	if diff := cmp.Diff(want, lines(configured.WithContainerFS(false, false))); diff != "" {
		t.Error(diff)
	}
}

// What was configured for containerfs gives way, but of two that act at once only
// the last one does.
func TestContainerFSThresholdThatGivesWayIsTheLastHardOne(t *testing.T) {
	configured, err := headroom.EvictionConfig{
		Hard: statements("nodefs.available 10%", "containerfs.available 1Gi"), Soft: statements("containerfs.available 2Gi"),
		SoftGracePeriod: statements("containerfs.available 0s"),
	}.Thresholds()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"hard nodefs.available<10%", "hard containerfs.available<1Gi", "hard containerfs.available<10%"}
	if diff := cmp.Diff(want, lines(configured.WithContainerFS(false, false))); diff != "" {
		t.Error(diff)
	}
}

func TestThresholdIsFoundByWhatItWasConfiguredAs(t *testing.T) {
	ts, err := headroom.EvictionConfig{
		Hard: statements("pid.available 1"), Soft: statements("pid.available 2"), SoftGracePeriod: statements("pid.available 0s"),
	}.Thresholds()
	if err != nil {
		t.Fatal(err)
	}
	hard, ok1 := ts.Find(headroom.PIDAvailable, headroom.Hard)
	soft, ok2 := ts.Find(headroom.PIDAvailable, headroom.Soft)
	_, ok3 := ts.Find(headroom.MemoryAvailable, headroom.Hard)
	if !ok1 || !ok2 || ok3 || hard.Of(0) != 1 || soft.Of(0) != 2 {
		t.Errorf("got %v %v, %v %v, %v", hard, ok1, soft, ok2, ok3)
	}
}

// The kubelet acts at 100Mi, wherever that one stands.
func TestOfTwoThresholdsTheHigherCounts(t *testing.T) {
	for _, own := range []string{"10Mi", "1Gi", "1%"} {
		ts, err := headroom.EvictionConfig{
			Hard: statements("memory.available 100Mi", "allocatableMemory.available "+own), EnforcePods: true,
		}.Thresholds()
		if err != nil {
			t.Fatal(err)
		}
		for _, capacity := range []int64{0, 1 << 30, 1 << 40} {
			got, ok := ts.FindAt(headroom.AllocatableMemoryAvailable, headroom.Hard, capacity)
			var want int64
			for _, threshold := range ts {
				if threshold.Signal == headroom.AllocatableMemoryAvailable {
					want = max(want, threshold.Of(capacity))
				}
			}
			if !ok || got.Of(capacity) != want || want < 100<<20 {
				t.Errorf("%s beside 100Mi, of %d: %d, %v, want %d", own, capacity, got.Of(capacity), ok, want)
			}
		}
	}
	if _, ok := (headroom.Thresholds{}).FindAt(headroom.PIDAvailable, headroom.Hard, 1); ok {
		t.Error("there is none")
	}
}

// statements reads "signal value" pairs.
func statements(pairs ...string) map[string]string {
	m := make(map[string]string)
	for _, pair := range pairs {
		signal, value, _ := strings.Cut(pair, " ")
		m[signal] = value
	}
	return m
}

func lines(ts headroom.Thresholds) []string {
	var out []string
	for _, t := range ts {
		out = append(out, line(t))
	}
	return out
}

func line(t headroom.Threshold) string {
	s := fmt.Sprintf("%s %s<%s", t.Eviction, t.Signal, t.Value)
	if t.Grace > 0 {
		s += " " + t.Grace.String()
	}
	if t.MinReclaim != nil {
		s += " +" + t.MinReclaim.String()
	}
	return s
}
