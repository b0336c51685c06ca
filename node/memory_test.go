package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
)

func TestMemoryV1IsLimitWithoutWorkingSet(t *testing.T) {
	h := Host{Proc: "testdata/v1/proc", Cgroup: "testdata/v1/cgroup"}
	r, err := h.Memory(false)
	if err != nil {
		t.Fatal(err)
	}
	if r.Signal != headroom.MemoryAvailable || r.Available != 23015657472 || r.Capacity != 25276502016 {
		t.Errorf("got %+v, want 23015657472 of 25276502016", r)
	}
	if r.At.IsZero() {
		t.Error("a reading without a time")
	}
}

func TestMemoryV2RootUsageIsAnonAndFile(t *testing.T) {
	r, err := Host{Proc: "testdata/v2/proc", Cgroup: "testdata/v2/cgroup"}.Memory(false)
	if err != nil {
		t.Fatal(err)
	}
	if r.Available != 12977216000 || r.Capacity != 16777216000 {
		t.Errorf("got %d of %d, want 12977216000 of 16777216000", r.Available, r.Capacity)
	}
}

// A node that is a container itself: its kubelet finds memory.current.
func TestMemoryV2InACgroupNamespaceIsThatCgroups(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "meminfo", "MemTotal: 1000 kB\n")
	write(t, dir, "cgroup.controllers", "memory\n")
	write(t, dir, "memory.current", "500000\n")
	write(t, dir, "memory.stat", "anon 100000\nfile 200000\ninactive_file 50000\n")
	r, err := Host{Proc: dir, Cgroup: dir}.Memory(false)
	if err != nil || r.Available != 1024000-450000 {
		t.Errorf("got %+v, %v, want 574000", r, err)
	}
}

func TestMemoryV2ThatCannotBeReadIsAnErrorThatNamesTheFile(t *testing.T) {
	for name, c := range map[string]struct{ stat, want string }{
		"no anon":                   {"file 5\ninactive_file 4\n", "memory.stat: no anon"},
		"no file":                   {"anon 3\ninactive_file 4\n", "memory.stat: no file"},
		"no inactive_file":          {"anon 3\nfile 5\n", "memory.stat: no inactive_file"},
		"file without a number":     {"anon 3\nfile x\ninactive_file 4\n", "memory.stat: file: "},
		"anon that is cut off":      {"anon", "memory.stat: no anon"},
		"a file that is absent":     {gone, "memory.stat: no such file"},
		"more than any machine has": {"anon 1152921504606846977\nfile 5\ninactive_file 4\n", "memory.stat: anon: 1152921504606846977 bytes are out of range"},
		"two signs":                 {"anon --5\nfile 5\ninactive_file 4\n", "memory.stat: anon: "},
		"a number beyond 64 bit":    {"anon 18446744073709551615\nfile 5\ninactive_file 4\n", "memory.stat: anon: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "cgroup.controllers", "memory\n")
			if c.stat != gone {
				write(t, dir, "memory.stat", c.stat)
			}
			r, err := Host{Proc: "testdata/v2/proc", Cgroup: dir}.Memory(false)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v, %v, want an error with %q", r, err, c.want)
			}
		})
	}
}

func TestMemoryThatIsCountedOddlyIsCountedAsTheKubeletCounts(t *testing.T) {
	for name, c := range map[string]struct {
		stat string
		want int64 // available, of 1024000
	}{
		"more inactive than used":      {"anon 100\nfile 200\ninactive_file 400\n", 1024000},
		"inactive_file below zero":     {"anon 100\nfile 200\ninactive_file -4096\n", 1024000 - 300},
		"anon below zero":              {"anon -1\nfile 200\ninactive_file 50\n", 1024000 - 150},
		"a line end that is missing":   {"anon 100\nfile 200\ninactive_file 50", 1024000 - 250},
		"keys that begin or end alike": {"anon_thp 9\nfile_mapped 9\nworkingset_inactive_file 9\nanon 100\nfile 200\ninactive_file 50\n", 1024000 - 250},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "meminfo", "MemTotal: 1000 kB\n")
			write(t, dir, "cgroup.controllers", "memory\n")
			write(t, dir, "memory.stat", c.stat)
			r, err := Host{Proc: dir, Cgroup: dir}.Memory(false)
			if err != nil || r.Available != c.want || r.Capacity != 1024000 {
				t.Errorf("got %+v, %v, want %d", r, err, c.want)
			}
		})
	}
}

func TestMoreWorkingSetThanMemoryIsNegative(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "proc/meminfo", "MemTotal: 6 kB\n")
	write(t, dir, "cgroup/memory/memory.usage_in_bytes", "6244\n")
	write(t, dir, "cgroup/memory/memory.stat", "total_inactive_file 0\n")
	r, err := Host{Proc: dir + "/proc", Cgroup: dir + "/cgroup"}.Memory(false)
	if err != nil {
		t.Fatal(err)
	}
	if r.Available != -100 {
		t.Errorf("available is %d, want -100", r.Available)
	}
}

func TestMemoryThatCannotBeReadIsAnErrorThatNamesTheFile(t *testing.T) {
	good := map[string]string{
		"proc/meminfo":                        "MemTotal: 16 kB\n",
		"cgroup/memory/memory.usage_in_bytes": "100\n",
		"cgroup/memory/memory.stat":           "total_inactive_file 10\n",
	}
	for name, c := range map[string]struct{ file, content, want string }{
		"no MemTotal":                   {"proc/meminfo", "MemFree: 1 kB\n", "proc/meminfo: no MemTotal"},
		"an empty meminfo":              {"proc/meminfo", "", "proc/meminfo: no MemTotal"},
		"MemTotal without a number":     {"proc/meminfo", "MemTotal: kB\n", "proc/meminfo: MemTotal: "},
		"MemTotal beyond 64 bits":       {"proc/meminfo", "MemTotal: 99999999999999999999 kB\n", "proc/meminfo: MemTotal: "},
		"MemTotal whose bytes overflow": {"proc/meminfo", "MemTotal: 9007199254740993 kB\n", "proc/meminfo: MemTotal: "},
		"an empty usage":                {"cgroup/memory/memory.usage_in_bytes", "", "memory.usage_in_bytes: "},
		"a negative usage":              {"cgroup/memory/memory.usage_in_bytes", "-5\n", "memory.usage_in_bytes: "},
		"no total_inactive_file":        {"cgroup/memory/memory.stat", "inactive_file 10\n", "memory.stat: no total_inactive_file"},
		"total_inactive_file cut off":   {"cgroup/memory/memory.stat", "total_inactive_file", "memory.stat: no total_inactive_file"},
		"no memory.stat":                {"cgroup/memory/memory.stat", gone, "memory.stat: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range good {
				if file == c.file {
					content = c.content
				}
				if content != gone {
					write(t, dir, file, content)
				}
			}
			_, err := Host{Proc: dir + "/proc", Cgroup: dir + "/cgroup"}.Memory(false)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestMemoryOfAnAbsentCgroupHierarchyIsAnError(t *testing.T) {
	_, err := Host{Proc: "testdata/v1/proc", Cgroup: "testdata/absent"}.Memory(false)
	if err == nil || !strings.Contains(err.Error(), "testdata/absent") {
		t.Errorf("error is %v", err)
	}
}

const gone = "\x00"

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFileThatIsLongerThanExpectedIsNotCutOff(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "proc/meminfo", "MemTotal: 16 kB\n"+strings.Repeat("x", memoryBuffer))
	if _, err := (Host{Proc: dir + "/proc"}).Memory(false); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("error is %v", err)
	}
}
