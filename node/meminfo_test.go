package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
)

// adjusted is what adjustForHugePages and the eviction manager make of it, in
// their own unsigned arithmetic.
func adjusted(total, used, huge uint64) (available, capacity int64) {
	left := total - used
	if huge > 0 {
		if left > huge {
			left -= huge
		} else {
			left = 0
		}
	}
	return int64(left), int64(left + used)
}

func TestHugePagesAreTakenFromMemoryAsTheKubeletTakesThem(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct{ total, used, huge, available, capacity int64 }{
		"some are set aside":                         {16 * gib, 8 * gib, 2 * gib, 6 * gib, 14 * gib},
		"more than is left":                          {16 * gib, 15 * gib, 2 * gib, 0, 15 * gib},
		"exactly what is left":                       {16 * gib, 14 * gib, 2 * gib, 0, 14 * gib},
		"a byte less than is left":                   {16 * gib, 14*gib - 1, 2 * gib, 1, 14 * gib},
		"none are set aside":                         {16 * gib, 8 * gib, 0, 8 * gib, 16 * gib},
		"none, and nothing is left":                  {16 * gib, 16 * gib, 0, 0, 16 * gib},
		"nothing is used":                            {16 * gib, 0, 2 * gib, 14 * gib, 14 * gib},
		"more is used than there is, which is large": {6000, 6100, 50, -150, 5950},
		"the largest numbers":                        {maxBytes, 2 * maxBytes, maxBytes, -2 * maxBytes, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := memory{machine: meminfo{total: c.total, huge: c.huge}, used: c.used}.reading(true)
			if err != nil || r.Available != c.available || r.Capacity != c.capacity {
				t.Errorf("got %+v, %v, want %d of %d", r, err, c.available, c.capacity)
			}
			available, capacity := adjusted(uint64(c.total), uint64(c.used), uint64(c.huge))
			if available != c.available || capacity != c.capacity {
				t.Errorf("the kubelet has %d of %d", available, capacity)
			}
		})
	}
}

func TestMemorySetAsideAsHugePagesIsReadFromMeminfo(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		huge  int64
		want  string // an error
	}{
		"two sizes, in one sum":               {"HugePages_Total:    1024\nHugepagesize:       2048 kB\nHugetlb:         4194304 kB\n", 4 << 30, ""},
		"none":                                {"HugePages_Total:       0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n", 0, ""},
		"a kernel that has no huge pages":     {"AnonHugePages:     12288 kB\nShmemHugePages:        0 kB\n", 0, ""},
		"a kernel before 4.16":                {"HugePages_Total:    1024\nHugePages_Surp:        0\nHugepagesize:       2048 kB\n", 0, "no Hugetlb"},
		"such a kernel, with none":            {"HugePages_Total:       0\nHugepagesize:       2048 kB\n", 0, "no Hugetlb"},
		"a sum that is no number":             {"Hugetlb:         many kB\n", 0, "Hugetlb: "},
		"a sum below zero":                    {"Hugetlb:         -2048 kB\n", 0, "Hugetlb: -2048 is negative"},
		"a sum whose bytes overflow":          {"Hugetlb:         9007199254740993 kB\n", 0, "Hugetlb: 9007199254740993 kB is out of range"},
		"a sum that is cut off":               {"HugePages_Total: 1\nHugetlb:", 0, "no Hugetlb"},
		"a sum beyond 64 bits":                {"Hugetlb:         99999999999999999999 kB\n", 0, "Hugetlb: "},
		"a line whose name ends like Hugetlb": {"NotHugetlb: 4 kB\n", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "proc/meminfo", "MemTotal:       16384000 kB\n"+c.lines)
			h := Host{Proc: dir + "/proc", Cgroup: "testdata/v2/cgroup"}
			r, err := h.Memory(true)
			if c.want == "" && (err != nil || r.Capacity != 16777216000-c.huge || r.Available != 12977216000-c.huge) {
				t.Errorf("got %+v, %v, want %d less than 12977216000 of 16777216000", r, err, c.huge)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), "proc/meminfo: "+c.want)) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
			// Whatever there is to say of huge pages, it hides nothing from who does not ask.
			if r, err := h.Memory(false); err != nil || r.Available != 12977216000 || r.Capacity != 16777216000 {
				t.Errorf("without huge pages: %+v, %v", r, err)
			}
		})
	}
}

// Sysfs is where the kubelet gets them from.
func TestHugePagesOfThisMachineAreThoseOfSysfs(t *testing.T) {
	for {
		before := hugePages(t)
		m, err := readMeminfo(nil, "/proc/meminfo", make([]byte, memoryBuffer))
		if err != nil || m.hugeErr != nil {
			t.Fatal(err, m.hugeErr)
		}
		if hugePages(t) != before {
			continue // somebody set some aside meanwhile
		}
		if m.huge != before {
			t.Errorf("meminfo has %d bytes, sysfs %d", m.huge, before)
		}
		return
	}
}

func hugePages(t *testing.T) (sum int64) {
	t.Helper()
	counts, err := filepath.Glob("/sys/kernel/mm/hugepages/hugepages-*kB/nr_hugepages")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range counts {
		var kb, pages int64
		if _, err := fmt.Sscanf(path, "/sys/kernel/mm/hugepages/hugepages-%dkB", &kb); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(data), &pages); err != nil {
			t.Fatal(err)
		}
		sum += kb * 1024 * pages
	}
	return sum
}

func TestHugePagesCountOnlyWhereTheKubeletCountsThem(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "meminfo", "MemTotal:       16384000 kB\nHugetlb:         1024000 kB\n")
	var facts Facts
	n := New(Config{Host: Host{Proc: dir, Cgroup: "testdata/v2/cgroup"}, Facts: func() Facts { return facts }, Timeout: patience})
	for _, hugePages := range []bool{false, true, false} { // a kubelet that is upgraded, and back
		facts.HugePages = hugePages
		want := int64(12977216000)
		if hugePages {
			want -= 1024000 * 1024
		}
		if s := n.Read(t.Context()); len(s.Readings) == 0 || s.Readings[0].Available != want {
			t.Errorf("with %v: got %+v, want %d", facts, s.Readings, want)
		}
		if r, err := n.Signal(t.Context(), headroom.MemoryAvailable); err != nil || r.Available != want {
			t.Errorf("with %v: got %+v, %v, want %d", facts, r, err, want)
		}
	}
}

func TestHugePagesThatAreNotKnownLeaveMemoryOut(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "meminfo", "MemTotal:       16384000 kB\nHugePages_Total: 4\n")
	n := New(Config{
		Host:    Host{Proc: dir, Cgroup: "testdata/v2/cgroup"},
		Facts:   func() Facts { return Facts{HugePages: true} },
		Timeout: patience,
	})
	s := n.Read(t.Context())
	if len(s.Readings) > 0 || s.Readers[0].Name != "memory" || s.Readers[0].Err == nil {
		t.Errorf("got %+v", s)
	}
}
