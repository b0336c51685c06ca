package oracle

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

// A machine is what two programs find in /proc, in /sys and on small disks.
type machine struct {
	v2, nested        bool   // nested: it is a container in a cgroup namespace
	podCgroup         string // as the kubelet writes it
	rootDir, imageDir string
	started           figures // what it was started with
}

// Figures are what changes in a machine. Amounts are bytes where nothing else is
// said.
type figures struct {
	memoryKB                 int64
	anon, file, inactive     int64 // of the root cgroup; with v1 usage is anon and file
	podLimit                 string
	podUsage, podInactive    int64
	hugeMegabytes, hugeGigs  int64 // pages of 2 MiB and of 1 GiB
	pidMax, threadMax, tasks int64
}

const hugePages = "/sys/kernel/mm/hugepages/"

// build puts the machine's files in the place of this one's, until the test is
// over.
func (m *machine) build(t *testing.T) {
	t.Helper()
	mounts := m.mountTable(t)
	nodetest.Mount(t, "tmpfs", "/sys", "tmpfs", "")
	nodetest.Mount(t, "tmpfs", "/proc", "tmpfs", "")
	own := "0::/\n"
	if !m.v2 {
		own = "2:memory:/\n1:cpu:/\n"
		mounts += "90 1 0:90 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	}
	for path, text := range map[string]string{
		"/proc/self/mountinfo": mounts, "/proc/thread-self/mountinfo": mounts, "/proc/self/cgroup": own,
		"/proc/cpuinfo": "processor : 0\ncpu MHz : 2000.000\n", "/proc/diskstats": "", "/proc/stat": "btime 1700000000\n",
	} {
		place(t, path, text)
	}
	if m.v2 {
		place(t, "/sys/fs/cgroup/cgroup.controllers", "memory\n")
		m.started.podLimit = "max"
	}
	m.write(t, m.started)
}

// mountTable returns the lines of the machine's disks.
func (m *machine) mountTable(t *testing.T) string {
	t.Helper()
	table, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	var mine strings.Builder
	for lines := bufio.NewScanner(table); lines.Scan(); {
		if at := strings.Fields(lines.Text())[4]; at == m.rootDir || at == m.imageDir {
			fmt.Fprintln(&mine, lines.Text())
		}
	}
	return mine.String()
}

// write makes the figures those of the machine.
func (m *machine) write(t *testing.T, f figures) {
	t.Helper()
	place(t, "/proc/meminfo", fmt.Sprintf("MemTotal: %15d kB\nMemFree: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"+
		"HugePages_Total: %d\nHugepagesize: 2048 kB\nHugetlb: %d kB\n", f.memoryKB, f.hugeMegabytes, f.hugeMegabytes<<11+f.hugeGigs<<20))
	place(t, hugePages+"hugepages-2048kB/nr_hugepages", fmt.Sprintln(f.hugeMegabytes))
	place(t, hugePages+"hugepages-1048576kB/nr_hugepages", fmt.Sprintln(f.hugeGigs))
	place(t, "/proc/sys/kernel/pid_max", fmt.Sprintln(f.pidMax))
	place(t, "/proc/sys/kernel/threads-max", fmt.Sprintln(f.threadMax))
	place(t, "/proc/loadavg", fmt.Sprintf("0.20 0.18 0.12 1/%d 11206\n", f.tasks))
	write := m.writeV1
	if m.v2 {
		write = m.writeV2
	}
	write(t, f)
}

func (m *machine) writeV1(t *testing.T, f figures) {
	for _, c := range []struct {
		name, limit     string
		usage, inactive int64
	}{
		{m.podCgroup, f.podLimit, f.podUsage, f.podInactive},
		{"/", "9223372036854771712", f.anon + f.file, f.inactive}, // last: it may be that of the pods
	} {
		dir := filepath.Join("/sys/fs/cgroup/memory", c.name) + "/memory."
		place(t, dir+"stat", fmt.Sprintf("cache 1\nrss 2\ninactive_file 3\ntotal_cache 4\ntotal_inactive_file %d\n", c.inactive))
		place(t, dir+"usage_in_bytes", fmt.Sprintln(c.usage))
		place(t, dir+"limit_in_bytes", fmt.Sprintln(c.limit))
		for _, name := range []string{"max_usage_in_bytes", "failcnt", "use_hierarchy"} {
			place(t, dir+name, "1\n")
		}
	}
}

func (m *machine) writeV2(t *testing.T, f figures) {
	root, pods := "/sys/fs/cgroup/", "/sys/fs/cgroup"+m.podCgroup+"/"
	if m.nested {
		place(t, root+"memory.current", fmt.Sprintln(f.podUsage+1))
		place(t, root+"memory.max", "max\n")
	}
	place(t, root+"memory.stat", fmt.Sprintf("anon %d\nfile %d\nkernel 700000000\nshmem 1\nactive_file 5\ninactive_file %d\n", f.anon, f.file, f.inactive))
	place(t, pods+"memory.stat", fmt.Sprintf("anon 1\nfile 2\nkernel 3\ninactive_file %d\n", f.podInactive))
	place(t, pods+"memory.current", fmt.Sprintln(f.podUsage))
	place(t, pods+"memory.max", fmt.Sprintln(f.podLimit))
	place(t, pods+"pids.current", "1\n")
	place(t, pods+"pids.max", "max\n")
}

func place(t *testing.T, path, text string) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), 0o644)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// figures returns a machine's figures, most of which could be, and of which some
// are less, or more, than nothing.
func (d *dice) figures(m *machine) figures {
	f := figures{memoryKB: 1 + d.upTo(1<<49)} // sums of more than an exbibyte are refused
	if d.in100(70) {
		f.memoryKB = 1<<20 + d.Int64N(1<<30)
	}
	total := f.memoryKB << 10
	part := func() int64 { return d.upTo(total) }
	f.anon, f.file, f.inactive = part(), part(), part()
	if d.in100(50) {
		f.hugeMegabytes, f.hugeGigs = part()>>21, part()>>30
	}
	f.podUsage, f.podInactive = part(), part()
	switch n := d.IntN(10); {
	case n == 0:
		f.podLimit = "0"
	case n == 1 && m.v2:
		f.podLimit = "max"
	case n == 1:
		f.podLimit = "9223372036854771712"
	case n == 2:
		f.podLimit = fmt.Sprint(d.amount())
	default:
		f.podLimit = fmt.Sprint(1 + part())
	}
	if f.podLimit == "0" { // for which cadvisor takes the memory there was when it started
		f.memoryKB = m.started.memoryKB
	}
	f.pidMax, f.threadMax, f.tasks = 1+d.upTo(1<<22), 1+d.upTo(1<<30), 1+d.upTo(1<<22)
	return f
}

// shake takes space and inodes of a disk every now and then, or gives all back.
// That it is full is one of the things that may be.
func (d *dice) shake(t *testing.T, dir string) {
	t.Helper()
	if d.in100(80) {
		return // an almost full disk is slow
	}
	dir = filepath.Join(dir, "filler")
	if d.in100(20) {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return // full
	}
	for range d.IntN(20) {
		file, err := os.CreateTemp(dir, "")
		if err != nil {
			return
		}
		unix.Fallocate(int(file.Fd()), 0, 0, 1+d.upTo(40<<20))
		file.Close()
	}
}
