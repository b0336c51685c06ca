package exporter

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// reported is what check makes of a view, a minute after its thresholds were
// read.
func reported(v view) *report {
	effective := inOrder(v.thresholds(), &v)
	r := newReport(&v, effective, time.Unix(1800000060, 0))
	if v.seen != nil {
		r.ConsumersFrom = "the kubelet's summary"
		r.consumers(v.seen.consumers)
	}
	return r
}

func TestReportIsReadable(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, v *view){
		"past": func(t *testing.T, v *view) {},
		"near": func(t *testing.T, v *view) {
			v.node = oneDisk(15.9*gib, 3000000)
			v.layout = &layout{}
		},
		"well": func(t *testing.T, v *view) {
			v.node = oneDisk(50*gib, 3000000)
			v.layout, v.seen = &layout{}, nil
			v.config = configuration(t, "imageGCHighThresholdPercent: 70\nimageGCLowThresholdPercent: 60\n")
		},
		"no-kubelet": func(t *testing.T, v *view) {
			v.config, v.seen, v.counts = nil, nil, nil
			v.background = []node.ReaderResult{{Name: "thresholds", Err: kubelet.ErrNone}}
		},
		"hung": func(t *testing.T, v *view) {
			v.node = without(v.node, headroom.NodeFS)
			v.background = append(v.background, node.ReaderResult{Name: "runtime", Err: errors.New("container runtime at /run/containerd/containerd.sock: connection refused (nobody listens there: is the runtime running?)")})
		},
		"problems": func(t *testing.T, v *view) {
			v.config = configuration(t, `
evictionHard: {nodefs.available: 18%, imagefs.available: 20%, imagefs.inodesFree: 1k}
evictionSoft: {nodefs.available: 15%}
evictionSoftGracePeriod: {nodefs.available: 1m30s}
`)
			v.config.OnDisk = configuration(t, "evictionPressureTransitionPeriod: 1m\n")
		},
		"long-names": func(t *testing.T, v *view) {
			for role, fs := range v.node.Filesystems {
				fs.Mountpoint = "/var/lib/" + strings.Repeat("a-folder-with-a-long-name/", 8) + string(role)
				fs.Device = "/dev/mapper/" + strings.Repeat("volume", 8)
				v.node.Filesystems[role] = fs
			}
			for i := range v.seen.consumers {
				v.seen.consumers[i].Pod = strings.Repeat("pod-", 60)
				v.seen.consumers[i].Container = "\x1b[31mred"
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := everything(t)
			change(t, &v)
			var got bytes.Buffer
			if err := reported(v).write(&got); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "check", name+".txt")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Error(diff)
			}
			for line := range strings.Lines(got.String()) {
				if line = strings.TrimSuffix(line, "\n"); cells(line) > 100 || strings.ContainsAny(line, "\x1b\t") || strings.HasSuffix(line, " ") {
					t.Errorf("%d columns: %q", cells(line), line)
				}
			}
		})
	}
}

// oneDisk is a node with everything on a disk of 100 GiB.
func oneDisk(available float64, inodes int64) node.Snapshot {
	one := disk{headroom.NodeFS, node.Disk{Major: 254, Minor: 0}, node.Space{Available: int64(available), Capacity: 100 * gib}, node.Space{Available: inodes, Capacity: 6553600}}
	two, three := one, one
	two.role, three.role = headroom.ImageFS, headroom.ContainerFS
	return snapshot(one, two, three)
}

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, v *view)
		want   Verdict
	}{
		"well":                           {func(t *testing.T, v *view) {}, Well},
		"within 5 % of a hard threshold": {func(t *testing.T, v *view) { v.node = oneDisk(19.9*gib, 3000000) }, Near},
		"at 5 % of one":                  {func(t *testing.T, v *view) { v.node = oneDisk(20.01*gib, 3000000) }, Well},
		"at a threshold":                 {func(t *testing.T, v *view) { v.node = oneDisk(16106128000, 3000000) }, Near},
		"below a threshold":              {func(t *testing.T, v *view) { v.node = oneDisk(16106127999, 3000000) }, Past},
		"below one of inodes":            {func(t *testing.T, v *view) { v.node = oneDisk(50*gib, 327679) }, Past},
		"below a soft threshold": {func(t *testing.T, v *view) {
			v.config = configuration(t, "evictionSoft: {nodefs.available: 51%}\nevictionSoftGracePeriod: {nodefs.available: 1m}\n")
		}, Past},
		"within 5 % of a soft threshold": {func(t *testing.T, v *view) {
			v.config = configuration(t, "evictionSoft: {nodefs.available: 46%}\nevictionSoftGracePeriod: {nodefs.available: 1m}\n")
		}, Near},
		"thresholds unknown":               {func(t *testing.T, v *view) { v.config = nil }, CannotTell},
		"no thresholds":                    {func(t *testing.T, v *view) { v.config = configuration(t, "evictionHard: {}\n") }, Well},
		"a filesystem that cannot be read": {func(t *testing.T, v *view) { v.node = without(v.node, headroom.NodeFS) }, CannotTell},
		"one without a threshold": {func(t *testing.T, v *view) {
			v.node = without(v.node, headroom.NodeFS)
			v.config = configuration(t, "evictionHard: {memory.available: 1Gi}\n")
		}, Well},
		"what is known to be bad counts more": {func(t *testing.T, v *view) { v.node = without(oneDisk(1*gib, 1), headroom.NodeFS) }, Past},
		"what is known to be close, too":      {func(t *testing.T, v *view) { v.node = without(oneDisk(16*gib, 3000000), headroom.NodeFS) }, Near},
		"inodes that are not counted": {func(t *testing.T, v *view) {
			v.node = oneDisk(50*gib, 0)
			room(v, headroom.NodeFSInodesFree, 0)
			room(v, headroom.ImageFSInodesFree, 0)
			room(v, headroom.ContainerFSInodesFree, 0)
		}, Well},
		"a number of them": {func(t *testing.T, v *view) {
			v.config = configuration(t, "evictionHard: {nodefs.inodesFree: 1k}\n")
			room(v, headroom.NodeFSInodesFree, 0)
		}, Past},
		"pods' memory that is not limited": {func(t *testing.T, v *view) { v.node = unread(v.node, headroom.AllocatableMemoryAvailable) }, Well},
		"pods' memory that nobody tries to read": {func(t *testing.T, v *view) {
			v.node = unread(v.node, headroom.AllocatableMemoryAvailable)
			v.node.Readers = v.node.Readers[2:]
		}, Well},
		"pods' memory that cannot be read": {func(t *testing.T, v *view) {
			v.node = unread(v.node, headroom.AllocatableMemoryAvailable)
			v.node.Readers[1].Err = os.ErrPermission
		}, CannotTell},
	} {
		t.Run(name, func(t *testing.T) {
			v := everything(t)
			v.node, v.layout = oneDisk(50*gib, 3000000), &layout{}
			c.change(t, &v)
			if got := v.verdict(inOrder(v.thresholds(), &v)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// unread is s without a reading.
func unread(s node.Snapshot, signal headroom.Signal) node.Snapshot {
	var readings []headroom.Reading
	for _, r := range s.Readings {
		if r.Signal != signal {
			readings = append(readings, r)
		}
	}
	s.Readings = readings
	return s
}

func TestStatusIsTheVerdict(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{{nil, 0}, {Near, 1}, {Past, 2}, {CannotTell, 3}, {wrong{errors.New("unknown flag")}, 3}, {errors.New("address already in use"), 1}} {
		if got := Status(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestCheckReadsARealNode(t *testing.T) {
	const half = "evictionHard: {nodefs.available: 50%, imagefs.available: 50%}\n"
	fill := func(t *testing.T, bytes int) []string {
		dir := nodetest.Tmpfs(t, 10<<20, 1000)
		if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, bytes), 0o644); err != nil {
			t.Fatal(err)
		}
		return []string{"--path.nodefs=" + dir, "--path.imagefs=" + dir, "--path.logs=" + t.TempDir()}
	}
	for name, c := range map[string]struct {
		used int
		args []string
		want error
		says string
	}{
		"with room":                   {1 << 20, []string{"--kubelet.assume=" + file(t, head+half)}, nil, "trips first: 4.0 MiB (40.0%) above its hard threshold"},
		"with little":                 {5<<20 - 4096, []string{"--kubelet.assume=" + file(t, head+half)}, Near, "trips first: 4.0 KiB (0.0%) above"},
		"with too little":             {5<<20 + 4096, []string{"--kubelet.assume=" + file(t, head+half)}, Past, "Below the hard threshold: nodefs.available, imagefs.available, containerfs.available."},
		"without a kubelet":           {1 << 20, nil, CannotTell, "Thresholds: none: "},
		"with a kubelet that is down": {1 << 20, []string{"--kubelet.url=https://127.0.0.1:1"}, CannotTell, "/configz\": dial tcp 127.0.0.1:1: connect"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{"check", patient}, fill(t, c.used)...), c.args...)
			var stdout, stderr bytes.Buffer
			err := Run(t.Context(), args, &stdout, &stderr)
			if err != c.want {
				t.Errorf("error is %v, want %v", err, c.want)
			}
			if !strings.Contains(stdout.String(), c.says) || !strings.Contains(stdout.String(), "nodefs.available") {
				t.Errorf("no %q in:\n%s", c.says, stdout.String())
			}
			if stderr.Len() > 0 {
				t.Errorf("stderr: %s", stderr.String())
			}
		})
	}
}

func TestCheckAsksTheKubelet(t *testing.T) {
	k := newKubelet(t, halfOfNodeFS, 20)
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	args := append(k.args(t), patient, "--path.nodefs="+dir, "--path.imagefs="+dir, "--path.cgroup=../node/testdata/v1/cgroup", "check", "-o", "json")
	var stdout, stderr bytes.Buffer
	if err := Run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var got struct {
		Status     int
		First      string
		Thresholds struct{ Source, KubeletVersion string }
		Signals    []struct {
			Signal                    string
			Available, Capacity, Hard *int64
			Ratio                     *float64
		}
		Problems  []struct{ Problem string }
		Consumers []struct {
			Kind, Pod string
			Used      int64
		}
		Failures []any
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status != 0 || got.First != "nodefs.available" || got.Thresholds.Source != "configz" || got.Thresholds.KubeletVersion != "v1.37.2" || len(got.Failures) > 0 {
		t.Errorf("got %+v", got)
	}
	for _, s := range got.Signals {
		if s.Signal == "nodefs.available" && (*s.Available != 1<<20 || *s.Capacity != 1<<20 || *s.Hard != 1<<19 || *s.Ratio != 0.5) {
			t.Errorf("nodefs.available is %s", stdout.String())
		}
	}
	if len(got.Problems) == 0 || got.Problems[0].Problem != "threshold_omitted" {
		t.Errorf("problems are %+v", got.Problems)
	}
	if len(got.Consumers) != 10 || got.Consumers[0].Used < got.Consumers[9].Used {
		t.Errorf("consumers are %+v", got.Consumers)
	}
}

// Where nobody can be asked, logs and emptyDirs are counted here.
func TestCheckCountsByItself(t *testing.T) {
	dir := nodetest.Tmpfs(t, 10<<20, 0)
	write := func(path string, bytes int) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, bytes), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("logs/shop_cart-0_uid-1/app/0.log", 3<<20)
	write("kubelet/pods/uid-1/volumes/kubernetes.io~empty-dir/cache/big", 2<<20)
	var stdout, stderr bytes.Buffer
	err := Run(t.Context(), []string{"check", patient, "--path.nodefs=" + dir + "/kubelet", "--path.imagefs=" + dir, "--path.logs=" + dir + "/logs"}, &stdout, &stderr)
	if err != CannotTell {
		t.Errorf("error is %v", err)
	}
	for _, want := range []string{"counted on disk", "3.0 MiB  logs      nodefs  shop/cart-0/app", "2.0 MiB  emptyDir  nodefs  shop/cart-0"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in:\n%s", want, stdout.String())
		}
	}
}
