package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
)

func TestAllocatableIsTheLimitOfPodsWithoutTheirWorkingSet(t *testing.T) {
	for version, want := range map[string]headroom.Reading{
		"v1": {Available: 6489934592, Capacity: 8589934592},
		"v2": {Available: 5416192768, Capacity: 7516192768},
	} {
		h := Host{Proc: "testdata/" + version + "/proc", Cgroup: "testdata/" + version + "/cgroup"}
		r, err := h.Allocatable([]string{"/kubepods", "/kubepods.slice"})
		if err != nil || r.Signal != headroom.AllocatableMemoryAvailable || r.Available != want.Available || r.Capacity != want.Capacity {
			t.Errorf("%s: got %+v, %v, want %+v", version, r, err, want)
		}
		if r.At.IsZero() {
			t.Errorf("%s: a reading without a time", version)
		}
	}
}

// podFiles are a cgroup's three files, by version.
var podFiles = map[string][3]string{
	"v1": {"cgroup/memory/kubepods/memory.limit_in_bytes", "cgroup/memory/kubepods/memory.usage_in_bytes", "cgroup/memory/kubepods/memory.stat"},
	"v2": {"cgroup/kubepods/memory.max", "cgroup/kubepods/memory.current", "cgroup/kubepods/memory.stat"},
}

// podHost is a machine with 1,024,000 bytes.
func podHost(t *testing.T, version, limit, usage, inactive string) Host {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "proc/meminfo", "MemTotal: 1000 kB\n")
	if version == "v2" {
		write(t, dir, "cgroup/cgroup.controllers", "memory\n")
	}
	stat := "inactive_file " + inactive + "\ntotal_inactive_file " + inactive + "\n"
	for i, content := range []string{limit, usage, stat} {
		if content != gone {
			write(t, dir, podFiles[version][i], content)
		}
	}
	return Host{Proc: dir + "/proc", Cgroup: dir + "/cgroup"}
}

func TestAllocatableIsCountedAsTheKubeletCounts(t *testing.T) {
	for name, c := range map[string]struct {
		limit, usage, inactive string
		available, capacity    int64
	}{
		"some is left":                          {"6000\n", "1100\n", "100", 5000, 6000},
		"more is used than the limit":           {"6000\n", "6100\n", "0", -100, 6000},
		"exactly the limit is used":             {"6000\n", "6000\n", "0", 0, 6000},
		"more is inactive than used":            {"6000\n", "100\n", "400", 6000, 6000},
		"inactive page cache below zero":        {"6000\n", "100\n", "-400", 5900, 6000},
		"a limit of 0 is the machine's":         {"0\n", "24000\n", "0", 1000000, 1024000},
		"the largest limit that is one":         {"4611686018427387904\n", "0\n", "0", 1 << 62, 1 << 62},
		"the largest limit and the largest use": {"4611686018427387904\n", "1152921504606846976\n", "0", 1<<62 - 1<<60, 1 << 62},
		"files without a line end":              {"6000", "1100", "100", 5000, 6000},
	} {
		for version := range podFiles {
			t.Run(version+" "+name, func(t *testing.T) {
				r, err := podHost(t, version, c.limit, c.usage, c.inactive).Allocatable([]string{"/kubepods"})
				if err != nil || r.Available != c.available || r.Capacity != c.capacity {
					t.Errorf("got %+v, %v, want %d of %d", r, err, c.available, c.capacity)
				}
			})
		}
	}
}

func TestPodsWithoutALimitAreNoObservationAndNoError(t *testing.T) {
	for name, limit := range map[string]string{
		"as v2 writes it":          "max\n",
		"as v1 writes it":          "9223372036854771712\n",
		"a byte above the largest": "4611686018427387905\n",
		"beyond 63 bits":           "18446744073709551615\n",
	} {
		for version := range podFiles {
			t.Run(version+" "+name, func(t *testing.T) {
				n := New(Config{
					Host:    podHost(t, version, limit, "100\n", "0"),
					Facts:   func() Facts { return Facts{PodCgroups: []string{"/kubepods"}} },
					Timeout: patience,
				})
				s := n.Read(t.Context())
				for _, r := range s.Readings {
					if r.Signal == headroom.AllocatableMemoryAvailable || r.Signal == "" {
						t.Errorf("got %+v", r)
					}
				}
				i := slices.IndexFunc(s.Readers, func(r ReaderResult) bool { return r.Name == "allocatable" })
				if i < 0 || s.Readers[i].Err != nil {
					t.Errorf("readers are %+v", s.Readers)
				}
				_, err := n.Signal(t.Context(), headroom.AllocatableMemoryAvailable)
				if err == nil || !strings.Contains(err.Error(), "no memory limit") {
					t.Errorf("the signal's error is %v", err)
				}
			})
		}
	}
}

func TestAllocatableThatCannotBeReadIsAnErrorThatNamesTheFile(t *testing.T) {
	for name, c := range map[string]struct {
		limit, usage, inactive string
		file                   int // of podFiles
	}{
		"an empty limit":                   {"", "1\n", "0", 0},
		"a limit that is no number":        {"much\n", "1\n", "0", 0},
		"a limit below zero":               {"-1\n", "1\n", "0", 0},
		"a limit beyond 64 bits":           {"18446744073709551616\n", "1\n", "0", 0},
		"an empty usage":                   {"6000\n", "", "0", 1},
		"a usage below zero":               {"6000\n", "-1\n", "0", 1},
		"a usage that no machine has":      {"6000\n", "1152921504606846977\n", "0", 1},
		"inactive_file without a number":   {"6000\n", "1\n", "", 2},
		"no limit, for there is no cgroup": {gone, "1\n", "0", 0},
		"no usage":                         {"6000\n", gone, "0", 1},
	} {
		for version, files := range podFiles {
			t.Run(version+" "+name, func(t *testing.T) {
				r, err := podHost(t, version, c.limit, c.usage, c.inactive).Allocatable([]string{"/kubepods"})
				if err == nil || !strings.Contains(err.Error(), files[c.file]) {
					t.Errorf("got %+v, %v, want an error with %s", r, err, files[c.file])
				}
			})
		}
	}
}

// A kubelet with cgroupsPerQOS off has its pods at the root.
func TestPodsAtTheRootHaveTheMachinesMemory(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		h := Host{Proc: "testdata/" + version + "/proc", Cgroup: "testdata/" + version + "/cgroup"}
		want, err := h.Memory(false)
		if err != nil {
			t.Fatal(err)
		}
		r, err := h.Allocatable([]string{"/"})
		if err != nil || r.Available != want.Available || r.Capacity != want.Capacity {
			t.Errorf("%s: got %+v, %v, want %+v", version, r, err, want)
		}
	}
}

func TestCgroupOfPodsIsTheLikeliestThatExists(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "cgroup.controllers", "memory\n")
	make3 := func(name, limit string) {
		write(t, dir, name+"/memory.max", limit)
		write(t, dir, name+"/memory.current", "0\n")
		write(t, dir, name+"/memory.stat", "inactive_file 0\n")
	}
	facts := Facts{PodCgroups: []string{"/kubepods.slice", "/kubepods"}}
	n := New(Config{Host: Host{Cgroup: dir}, Facts: func() Facts { return facts }, Timeout: patience})
	want := func(what string, limit int64) {
		t.Helper()
		r, err := n.Signal(t.Context(), headroom.AllocatableMemoryAvailable)
		if (err == nil) != (limit > 0) || r.Capacity != limit {
			t.Errorf("%s: got %+v, %v, want %d", what, r, err, limit)
		}
		if limit == 0 && !strings.Contains(err.Error(), strings.Join(facts.PodCgroups, " or ")) {
			t.Errorf("%s: %v does not name the cgroups", what, err)
		}
	}
	want("none", 0)
	make3("kubepods", "2000\n")
	want("the second", 2000)
	want("the second, again", 2000)
	write(t, dir, "kubepods/memory.max", "3000\n")
	want("the second, with another limit", 3000)
	make3("kubepods.slice", "4000\n")
	want("the one that is remembered", 3000)
	facts.PodCgroups = []string{"/kubepods.slice", "/kubelet/kubepods"}
	want("the kubelet has another driver", 4000)
	facts.PodCgroups = []string{"/kubelet/kubepods"}
	want("the kubelet has another root that is not there yet", 0)
	make3("kubelet/kubepods", "5000\n")
	want("the kubelet has another root", 5000)
	facts.PodCgroups = nil
	if _, err := n.Signal(t.Context(), headroom.AllocatableMemoryAvailable); err == nil || !strings.Contains(err.Error(), "is not known") {
		t.Errorf("without names the error is %v", err)
	}
}

func TestCgroupThatIsGoneIsLookedForAgain(t *testing.T) {
	h := podHost(t, "v2", "2000\n", "0\n", "0")
	p := newPodProber(h, make(openFiles))
	defer p.files.close()
	names := []string{"/kubepods.slice", "/kubepods"}
	if r, err := p.probe(names); err != nil || r.Capacity != 2000 || len(p.files) != 3 {
		t.Fatalf("got %+v, %v, with %d files open", r, err, len(p.files))
	}
	// What is open of a removed cgroup fails with ENODEV.
	for path := range p.files {
		breakOpen(t, p.files, path)
	}
	if err := os.Rename(h.Cgroup+"/kubepods", h.Cgroup+"/kubepods.slice"); err != nil {
		t.Fatal(err)
	}
	write(t, h.Cgroup, "kubepods.slice/memory.max", "3000\n")
	if r, err := p.probe(names); err != nil || r.Capacity != 3000 || len(p.files) != 3 {
		t.Errorf("got %+v, %v, with %d files open", r, err, len(p.files))
	}
	if err := os.RemoveAll(filepath.Join(h.Cgroup, "kubepods.slice")); err != nil {
		t.Fatal(err)
	}
	for path := range p.files {
		breakOpen(t, p.files, path)
	}
	if r, err := p.probe(names); err == nil || len(p.files) != 0 {
		t.Errorf("got %+v, with %d files open", r, len(p.files))
	}
}
