package oracle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// alone marks a process that has a machine to itself.
const alone = "HEADROOM_ORACLE_MACHINE"

// Both read one machine, made of files and disks: all nine signals, again and
// again, while everything changes.
func TestNodeReadsWhatTheKubeletReads(t *testing.T) {
	for name, c := range map[string]struct {
		m           machine
		root, image string // types of filesystems; without the second, images are on root's
		size        int64
		mkfs        []string
	}{
		"cgroup v2, one ext4 with reserved blocks": {
			machine{v2: true, podCgroup: "/kubepods.slice"}, "ext4", "", 64 << 20, []string{"-q", "-m", "5"},
		},
		"cgroup v1, kubelet on ext4 and images on xfs": {
			machine{podCgroup: "/kubepods"}, "ext4", "xfs", 320 << 20, []string{"-q"},
		},
		"cgroup v1, one xfs": {
			machine{podCgroup: "/kubepods.slice"}, "xfs", "", 320 << 20, []string{"-q"},
		},
		"cgroup v2, kubelet on a tmpfs and images on btrfs, which counts no inodes": {
			machine{v2: true, podCgroup: "/kubelet/kubepods"}, "tmpfs", "btrfs", 128 << 20, []string{"-q"},
		},
		"cgroup v2, a node that is a container, on a tmpfs": {
			machine{v2: true, nested: true, podCgroup: "/kubelet/kubepods"}, "tmpfs", "", 8 << 20, nil,
		},
		"cgroup v1, pods in the root cgroup": {
			machine{podCgroup: "/"}, "tmpfs", "", 8 << 20, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Getenv(alone) == "" {
				inProcessOfItsOwn(t)
				return
			}
			m := &c.m
			m.rootDir = disk(t, c.root, c.size, c.mkfs)
			m.imageDir = filepath.Join(m.rootDir, "images")
			if c.image != "" {
				m.imageDir = disk(t, c.image, c.size, c.mkfs)
			} else if err := os.Mkdir(m.imageDir, 0o755); err != nil {
				t.Fatal(err)
			}
			compareNode(t, m)
		})
	}
}

// inProcessOfItsOwn runs this very test again, in a mount namespace of its own:
// cadvisor knows one machine in its life.
func inProcessOfItsOwn(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A name becomes a pattern, level by level.
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run="+pattern, fmt.Sprintf("-seed=%d", *seed))
	cmd.Env = append(os.Environ(), alone+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), " compared, 0 differences") {
		t.Fatalf("not compared, or different: %v", err)
	}
}

// disk mounts an empty disk, or a tmpfs where that type cannot be had.
func disk(t *testing.T, fstype string, size int64, mkfs []string) string {
	t.Helper()
	if fstype != "tmpfs" {
		if dir, ok := nodetest.Disk(t, fstype, size, mkfs...); ok {
			return dir
		}
		t.Logf("no %s can be mounted here: a tmpfs is read instead", fstype)
	}
	return nodetest.Tmpfs(t, min(size, 16<<20), 50) // it is memory
}

func compareNode(t *testing.T, m *machine) {
	c := compare(t)
	m.started = c.figures(m)
	m.build(t)
	theirs := startMeasurer(t, m)
	var facts node.Facts
	ours := node.New(node.Config{
		Host:    node.Host{Proc: "/proc", Cgroup: "/sys/fs/cgroup"},
		Facts:   func() node.Facts { return facts },
		Timeout: time.Minute,
	})
	for c.compared < 1500 {
		f := c.figures(m)
		m.write(t, f)
		c.shake(t, m.rootDir)
		c.shake(t, m.imageDir)
		facts = node.Facts{
			Paths:      map[headroom.Filesystem]string{"nodefs": m.rootDir, "imagefs": m.imageDir, "containerfs": m.imageDir},
			HugePages:  c.in100(70),
			PodCgroups: []string{m.podCgroup},
		}
		countHugePages(t, facts.HugePages)
		c.read(theirs, ours, f)
	}
}

// read compares one reading with one observation. A disk has work of its own to
// do: what counts is an observation between two readings that are equal.
func (c *comparison) read(theirs *measurer, ours *node.Node, f figures) {
	for deadline := time.Now().Add(time.Minute); ; {
		before := ourNumbers(ours.Read(c.Context()).Readings)
		want := theirNumbers(theirs.observe(c.T))
		snapshot := ours.Read(c.Context())
		got := ourNumbers(snapshot.Readings)
		if !before.equal(got) && time.Now().Before(deadline) {
			continue
		}
		c.compared++
		if dedicated, err := theirs.HasDedicatedImageFs(c.Context()); err != nil {
			c.Fatal(err)
		} else if disks := snapshot.Filesystems; dedicated != (disks["nodefs"].Disk != disks["imagefs"].Disk) {
			c.differ("a dedicated imagefs: the kubelet says %v, we see %+v", dedicated, disks)
		}
		if !got.equal(want) {
			c.differ("%+v: the kubelet observes%v\nwe read%v\n%+v", f, want, got, snapshot.Readers)
		}
		return
	}
}
