package headroom_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
)

// unconfigured is what a kubelet of today runs with that nobody configured.
func unconfigured() headroom.EvictionConfig {
	return headroom.EvictionConfig{Hard: statements("memory.available 100Mi", "nodefs.available 10%", "nodefs.inodesFree 5%", "imagefs.available 15%", "imagefs.inodesFree 5%")}
}

func settings(t *testing.T, c headroom.EvictionConfig) headroom.Settings {
	t.Helper()
	ts, err := c.Thresholds()
	if err != nil {
		t.Fatal(err)
	}
	return headroom.Settings{Hard: c.Hard, Thresholds: ts, ImageGCHigh: 85, ImageGCLow: 80, TransitionPeriod: 5 * time.Minute, HugePages: true, Version: "v1.37.2"}
}

// setup is a node with one disk of 100 GiB.
func setup(t *testing.T, c headroom.EvictionConfig) headroom.Setup {
	t.Helper()
	s := settings(t, c)
	return headroom.Setup{Settings: s, Effective: s.Thresholds, OneDisk: new(true), Readings: []headroom.Reading{
		{Signal: headroom.NodeFSAvailable, Capacity: 100 << 30}, {Signal: headroom.NodeFSInodesFree, Capacity: 6553600},
		{Signal: headroom.ImageFSAvailable, Capacity: 100 << 30}, {Signal: headroom.ImageFSInodesFree, Capacity: 6553600},
		{Signal: headroom.MemoryAvailable, Capacity: 16 << 30},
	}}
}

// of returns "signal" for what was found and "-signal" for what was looked for
// in vain, in the order of Signals.
func of(p headroom.Problem, findings []headroom.Finding) []string {
	var out []string
	for _, f := range findings {
		switch {
		case f.Problem == p && f.Found:
			out = append(out, string(f.Signal))
		case f.Problem == p:
			out = append(out, "-"+string(f.Signal))
		}
	}
	return out
}

func TestDefaultThresholdIsSwitchedOffByOmission(t *testing.T) {
	for name, c := range map[string]struct {
		hard    map[string]string
		version string
		want    string
	}{
		"not where all are there":                      {unconfigured().Hard, "v1.37.2", "-memory.available -nodefs.available -nodefs.inodesFree -imagefs.available -imagefs.inodesFree"},
		"where others are named":                       {statements("nodefs.available 5%"), "v1.37.2", "memory.available -nodefs.available nodefs.inodesFree imagefs.available imagefs.inodesFree"},
		"where the configuration has none":             {statements(), "v1.37.2", "memory.available nodefs.available nodefs.inodesFree imagefs.available imagefs.inodesFree"},
		"not where 0% or 100% says so":                 {statements("memory.available 0%", "nodefs.available 100%", "nodefs.inodesFree 0%", "imagefs.available 0%", "imagefs.inodesFree 0%"), "v1.37.2", "-memory.available -nodefs.available -nodefs.inodesFree -imagefs.available -imagefs.inodesFree"},
		"not where the kubelet is older than default":  {statements("memory.available 100Mi", "nodefs.available 10%", "nodefs.inodesFree 5%", "imagefs.available 15%"), "v1.29.14-eks-1", "-memory.available -nodefs.available -nodefs.inodesFree -imagefs.available -imagefs.inodesFree"},
		"unless it is as old as the default":           {statements("memory.available 100Mi", "nodefs.available 10%", "nodefs.inodesFree 5%", "imagefs.available 15%"), "v1.30.0", "-memory.available -nodefs.available -nodefs.inodesFree -imagefs.available imagefs.inodesFree"},
		"nobody knows of a kubelet without a version":  {statements("memory.available 100Mi"), "", "-memory.available nodefs.available nodefs.inodesFree imagefs.available"},
		"a name that is there needs no version":        {unconfigured().Hard, "", "-memory.available -nodefs.available -nodefs.inodesFree -imagefs.available -imagefs.inodesFree"},
		"nor does a version that is none have a minor": {statements("memory.available 100Mi"), "devel", "-memory.available nodefs.available nodefs.inodesFree imagefs.available"},
		"unknown where evictionHard is":                {nil, "v1.37.2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup(t, headroom.EvictionConfig{Hard: c.hard})
			s.Hard, s.Version = c.hard, c.version
			if diff := cmp.Diff(c.want, strings.Join(of(headroom.ThresholdOmitted, s.Findings()), " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestImageGCIsComparedWithEviction(t *testing.T) {
	hard := func(pairs ...string) headroom.EvictionConfig {
		return headroom.EvictionConfig{Hard: statements(pairs...)}
	}
	for name, c := range map[string]struct {
		config         headroom.EvictionConfig
		change         func(*headroom.Setup)
		tooLate, close string
	}{
		"the defaults are a point apart on one disk": {unconfigured(), func(*headroom.Setup) {}, "-nodefs.available -imagefs.available", "-nodefs.available imagefs.available"},
		"a threshold where it begins":                {hard("imagefs.available 16%"), func(*headroom.Setup) {}, "imagefs.available", "-imagefs.available"},
		"a threshold above":                          {hard("imagefs.available 20%"), func(*headroom.Setup) {}, "imagefs.available", "-imagefs.available"},
		"a threshold far below":                      {hard("imagefs.available 5%"), func(*headroom.Setup) {}, "-imagefs.available", "-imagefs.available"},
		"nodefs's threshold above, on one disk":      {hard("nodefs.available 20%"), func(*headroom.Setup) {}, "nodefs.available", "-nodefs.available"},
		"an absolute one":                            {hard("imagefs.available 20Gi"), func(*headroom.Setup) {}, "imagefs.available", "-imagefs.available"},
		"an absolute one of an unread disk":          {hard("imagefs.available 20Gi"), func(s *headroom.Setup) { s.Readings = nil }, "", ""},
		"a percentage of an unread disk":             {hard("imagefs.available 20%"), func(s *headroom.Setup) { s.Readings = nil }, "imagefs.available", "-imagefs.available"},
		"nodefs apart: images do not help it":        {hard("nodefs.available 20%"), func(s *headroom.Setup) { s.OneDisk = new(false) }, "", ""},
		"nodefs, disks unknown":                      {hard("nodefs.available 20%"), func(s *headroom.Setup) { s.OneDisk = nil }, "", ""},
		"image GC is off":                            {hard("imagefs.available 20%"), func(s *headroom.Setup) { s.ImageGCHigh = 100 }, "", ""},
		"image GC at 99 in use":                      {hard("imagefs.available 2%"), func(s *headroom.Setup) { s.ImageGCHigh = 99 }, "imagefs.available", "-imagefs.available"},
		"image GC is early":                          {unconfigured(), func(s *headroom.Setup) { s.ImageGCHigh = 70 }, "-nodefs.available -imagefs.available", "-nodefs.available -imagefs.available"},
		"no hard threshold":                          {hard(), func(*headroom.Setup) {}, "", ""},
		"a disk of no size":                          {hard("imagefs.available 20Gi"), func(s *headroom.Setup) { s.Readings[2].Capacity = 0 }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup(t, c.config)
			c.change(&s)
			findings := s.Findings()
			if diff := cmp.Diff(c.tooLate, strings.Join(of(headroom.ImageGCTooLate, findings), " ")); diff != "" {
				t.Errorf("too late: %s", diff)
			}
			if diff := cmp.Diff(c.close, strings.Join(of(headroom.ImageGCClose, findings), " ")); diff != "" {
				t.Errorf("close: %s", diff)
			}
		})
	}
}

func TestSoftThresholdIsComparedWithTheHardOne(t *testing.T) {
	for name, c := range map[string]struct {
		hard, soft string
		capacity   int64 // 0: not read
		want       string
	}{
		"above":                                      {"10%", "15%", 0, "-nodefs.available"},
		"equal":                                      {"10%", "10%", 0, "nodefs.available"},
		"below":                                      {"10%", "9.99999%", 0, "nodefs.available"},
		"quantities, above":                          {"1Gi", "2Gi", 0, "-nodefs.available"},
		"quantities, equal, otherwise written":       {"1Gi", "1024Mi", 0, "nodefs.available"},
		"a percentage against a quantity, above":     {"1Gi", "10%", 100 << 30, "-nodefs.available"},
		"a percentage against a quantity, below":     {"20Gi", "10%", 100 << 30, "nodefs.available"},
		"a percentage against a quantity, unread":    {"20Gi", "10%", 0, ""},
		"no hard one: nothing it could be below":     {"0%", "10%", 0, "-nodefs.available"},
		"no soft one: nothing that could be too low": {"10%", "0%", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup(t, headroom.EvictionConfig{
				Hard: statements("nodefs.available " + c.hard), Soft: statements("nodefs.available " + c.soft), SoftGracePeriod: statements("nodefs.available 1m"),
			})
			s.Readings = nil
			if c.capacity > 0 {
				s.Readings = []headroom.Reading{{Signal: headroom.NodeFSAvailable, Capacity: c.capacity}}
			}
			if diff := cmp.Diff(c.want, strings.Join(of(headroom.SoftNotAboveHard, s.Findings()), " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNumberOfInodesWhereNoneAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		threshold string
		capacity  int64 // -1: not read
		want      string
	}{
		"is met for ever":              {"1k", 0, "nodefs.inodesFree"},
		"is fine where they are":       {"1k", 6553600, "-nodefs.inodesFree"},
		"as a percentage is never met": {"5%", 0, ""},
		"is unknown":                   {"1k", -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup(t, headroom.EvictionConfig{Hard: statements("nodefs.inodesFree "+c.threshold, "nodefs.available 1Gi")})
			s.Readings = nil
			if c.capacity >= 0 {
				s.Readings = []headroom.Reading{{Signal: headroom.NodeFSInodesFree, Capacity: c.capacity}}
			}
			if diff := cmp.Diff(c.want, strings.Join(of(headroom.InodesNotCounted, s.Findings()), " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// On containerfs the threshold is a copy, which the disks decide about.
func TestCopiesOfThresholdsHaveProblemsToo(t *testing.T) {
	s := setup(t, headroom.EvictionConfig{Hard: statements("nodefs.inodesFree 1k")})
	s.Effective = s.Thresholds.WithContainerFS(false, false)
	s.Readings = []headroom.Reading{{Signal: headroom.NodeFSInodesFree}, {Signal: headroom.ContainerFSInodesFree}}
	if diff := cmp.Diff([]string{"nodefs.inodesFree", "containerfs.inodesFree"}, of(headroom.InodesNotCounted, s.Findings())); diff != "" {
		t.Error(diff)
	}
}

func TestKubeletThatSeesAnotherFilesystem(t *testing.T) {
	node := func(s headroom.Signal, available, capacity int64) headroom.Reading {
		return headroom.Reading{Signal: s, Available: available, Capacity: capacity}
	}
	s := setup(t, unconfigured())
	for _, pair := range [][2]headroom.Reading{
		{node(headroom.NodeFSAvailable, 1<<30, 100<<30), node(headroom.NodeFSAvailable, 90<<30, 100<<30)}, // the same one, earlier
		{node(headroom.NodeFSInodesFree, 5, 100), node(headroom.NodeFSInodesFree, 5, 10)},                 // xfs counts other inodes as it fills
		{node(headroom.ImageFSAvailable, 1<<30, 100<<30), node(headroom.ImageFSAvailable, 1<<30, 200<<30)},
		{node(headroom.MemoryAvailable, 1<<30, 8<<30), node(headroom.MemoryAvailable, 1<<30, 16<<30)},
	} {
		d, ok := headroom.Diverge(pair[0], pair[1])
		if !ok {
			t.Fatalf("%v has no divergence", pair)
		}
		s.Divergences = append(s.Divergences, d)
	}
	if diff := cmp.Diff([]string{"-nodefs.available", "imagefs.available"}, of(headroom.FilesystemStale, s.Findings())); diff != "" {
		t.Error(diff)
	}
}

func TestDivergenceIsAShareOfTheNodesCapacity(t *testing.T) {
	for name, c := range map[string]struct {
		kubelet, node [2]int64
		want          headroom.Divergence
		ok            bool
	}{
		"none":                              {[2]int64{50, 100}, [2]int64{50, 100}, headroom.Divergence{}, true},
		"the kubelet sees more":             {[2]int64{75, 100}, [2]int64{50, 100}, headroom.Divergence{Available: 0.25}, true},
		"the kubelet sees less":             {[2]int64{0, 50}, [2]int64{50, 100}, headroom.Divergence{Available: -0.5, Capacity: -0.5}, true},
		"the kubelet sees less than none":   {[2]int64{-50, 100}, [2]int64{50, 100}, headroom.Divergence{Available: -1}, true},
		"a disk that is not counted by us":  {[2]int64{50, 100}, [2]int64{0, 0}, headroom.Divergence{}, false},
		"a disk that is not counted by all": {[2]int64{0, 0}, [2]int64{0, 0}, headroom.Divergence{}, false},
	} {
		got, ok := headroom.Diverge(
			headroom.Reading{Available: c.kubelet[0], Capacity: c.kubelet[1]},
			headroom.Reading{Available: c.node[0], Capacity: c.node[1]})
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

func TestRestartIsPendingWhereFilesSayOtherwise(t *testing.T) {
	full := headroom.EvictionConfig{
		Hard: statements("memory.available 100Mi", "nodefs.available 10%"), Soft: statements("nodefs.available 15%"), SoftGracePeriod: statements("nodefs.available 1m"),
		MinimumReclaim: statements("nodefs.available 1Gi"), EnforcePods: true,
	}
	for name, c := range map[string]struct {
		change func(*headroom.EvictionConfig)
		later  func(*headroom.Settings)
		want   []string
	}{
		"not where they say the same": {nil, nil, nil},
		"not where they say it in other words": {func(c *headroom.EvictionConfig) {
			c.Hard = statements("memory.available 102400Ki", "nodefs.available 10.0%", "imagefs.available 0%")
		}, nil, nil},
		"where a hard threshold does":                 {func(c *headroom.EvictionConfig) { c.Hard["nodefs.available"] = "5%" }, nil, []string{"nodefs.available"}},
		"where a quantity takes a percentage's place": {func(c *headroom.EvictionConfig) { c.Hard["nodefs.available"] = "5Gi" }, nil, []string{"nodefs.available"}},
		"where one is new":                            {func(c *headroom.EvictionConfig) { c.Hard["pid.available"] = "5%" }, nil, []string{"pid.available"}},
		"where one is gone":                           {func(c *headroom.EvictionConfig) { delete(c.Hard, "memory.available") }, nil, []string{"memory.available", "allocatableMemory.available"}},
		"where one no longer holds for the pods":      {func(c *headroom.EvictionConfig) { c.EnforcePods = false }, nil, []string{"allocatableMemory.available"}},
		"where a soft threshold does":                 {func(c *headroom.EvictionConfig) { c.Soft["nodefs.available"] = "16%" }, nil, []string{"nodefs.available"}},
		"where a grace period does":                   {func(c *headroom.EvictionConfig) { c.SoftGracePeriod["nodefs.available"] = "2m" }, nil, []string{"nodefs.available"}},
		"where a minimum reclaim does":                {func(c *headroom.EvictionConfig) { c.MinimumReclaim["nodefs.available"] = "2Gi" }, nil, []string{"nodefs.available"}},
		"where there is no minimum reclaim":           {func(c *headroom.EvictionConfig) { c.MinimumReclaim = nil }, nil, []string{"nodefs.available"}},
		"where image GC begins elsewhere":             {nil, func(s *headroom.Settings) { s.ImageGCHigh = 90 }, []string{"imagefs.available"}},
		"where image GC ends elsewhere":               {nil, func(s *headroom.Settings) { s.ImageGCLow = 70 }, []string{"imagefs.available"}},
		"where huge pages count otherwise":            {nil, func(s *headroom.Settings) { s.HugePages = false }, []string{"memory.available"}},
		"where the transition period does":            {nil, func(s *headroom.Settings) { s.TransitionPeriod = time.Minute }, []string{""}},
		"not for containerfs, which has copies":       {func(c *headroom.EvictionConfig) { c.Hard["containerfs.available"] = "1%" }, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			other := full
			other.Hard, other.Soft, other.SoftGracePeriod, other.MinimumReclaim = maps.Clone(full.Hard), maps.Clone(full.Soft), maps.Clone(full.SoftGracePeriod), maps.Clone(full.MinimumReclaim)
			if c.change != nil {
				c.change(&other)
			}
			s, disk := setup(t, full), settings(t, other)
			if c.later != nil {
				c.later(&disk)
			}
			s.OnDisk = &disk
			found := of(headroom.RestartPending, s.Findings())
			if len(found) != len(headroom.Signals())-2+1 {
				t.Errorf("%d pairs: %q", len(found), found)
			}
			var pending []string
			for _, f := range found {
				if !strings.HasPrefix(f, "-") {
					pending = append(pending, f)
				}
			}
			if diff := cmp.Diff(c.want, pending); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRestartIsUnknownWhereFilesAreNotRead(t *testing.T) {
	if found := of(headroom.RestartPending, setup(t, unconfigured()).Findings()); found != nil {
		t.Errorf("found %q", found)
	}
}

func TestNothingIsFoundOfANodeOfWhichNothingIsKnown(t *testing.T) {
	if found := (headroom.Setup{}).Findings(); found != nil {
		t.Errorf("found %v", found)
	}
}

func TestEveryProblemIsNamedAndExplained(t *testing.T) {
	name, sentence := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`), regexp.MustCompile(`^[A-Z].*\.$`)
	all := headroom.Problems()
	for _, p := range all {
		if !name.MatchString(string(p)) || !sentence.MatchString(p.Meaning()) || !sentence.MatchString(p.Advice()) {
			t.Errorf("%s: %q %q", p, p.Meaning(), p.Advice())
		}
		if s := p.Severity(); s != headroom.Defect && s != headroom.Information {
			t.Errorf("%s: severity is %q", p, s)
		}
	}
	if slices.Sort(all); len(slices.Compact(all)) != len(headroom.Problems()) {
		t.Errorf("one is there twice: %q", all)
	}
	if p := headroom.Problem("none"); p.Severity() != "" || p.Meaning() != "" || p.Advice() != "" {
		t.Error("a problem that does not exist is explained")
	}
}

// A pair is published as one series.
func TestNoPairIsFoundTwice(t *testing.T) {
	s := setup(t, unconfigured())
	s.OnDisk = &s.Settings
	s.Effective = s.Thresholds.WithContainerFS(false, false)
	seen := make(map[headroom.Finding]bool)
	for _, f := range s.Findings() {
		f.Found = false
		if seen[f] {
			t.Errorf("%s %s is there twice", f.Problem, f.Signal)
		}
		seen[f] = true
	}
}
