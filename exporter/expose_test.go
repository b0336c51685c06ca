package exporter

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

var update = flag.Bool("update", false, "write what the golden files should hold")

const gib = 1 << 30

// The thresholds of a kubelet that nobody configured, on two disks.
func everything(t *testing.T) view {
	t.Helper()
	return view{
		node: snapshot(
			disk{headroom.NodeFS, node.Disk{Major: 8, Minor: 1}, node.Space{Available: 12 * gib, Capacity: 100 * gib}, node.Space{Available: 6000000, Capacity: 6553600}},
			disk{headroom.ImageFS, node.Disk{Major: 8, Minor: 16}, node.Space{Available: 14 * gib, Capacity: 100 * gib}, node.Space{Available: 100000, Capacity: 6553600}},
			disk{headroom.ContainerFS, node.Disk{Major: 8, Minor: 16}, node.Space{Available: 14 * gib, Capacity: 100 * gib}, node.Space{Available: 100000, Capacity: 6553600}},
		),
		layout: &layout{dedicated: true},
		config: configuration(t, ""),
		seen: &seen{
			divergences: []headroom.Divergence{{Signal: headroom.NodeFSAvailable, Available: 0.001}, {Signal: headroom.ImageFSAvailable, Available: -0.5, Capacity: -0.25}},
			consumers: []headroom.Consumer{
				{Kind: headroom.Processes, Namespace: "shop", Pod: "cart-0", Unit: headroom.PIDs, Used: 120},
				{Filesystem: headroom.ImageFS, Kind: headroom.Images, Unit: headroom.Bytes, Used: 5 * gib},
				{Filesystem: headroom.NodeFS, Kind: headroom.Logs, Namespace: "shop", Pod: "cart-0", Container: "app", Unit: headroom.Bytes, Used: 2 * gib},
				{Filesystem: headroom.NodeFS, Kind: headroom.EmptyDir, Namespace: "shop", Pod: "cart-0", Unit: headroom.Inodes, Used: 1234},
			},
		},
		counts:     newCounts(map[string]int64{"nodefs.available": 3, "futurefs.limit": 1}),
		background: []node.ReaderResult{{Name: "thresholds", Duration: 2 * time.Millisecond}, {Name: "summary", Duration: 50 * time.Millisecond}, {Name: "metrics", Duration: 20 * time.Millisecond}},
	}
}

func TestExposition(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, v *view){
		"everything-known": func(t *testing.T, v *view) {},
		"only-a-log": func(t *testing.T, v *view) {
			v.config = &kubelet.Configuration{Thresholds: v.config.Thresholds, HardOnly: true, Source: kubelet.FromLog, Read: v.config.Read}
			v.seen, v.counts = nil, nil
			v.background = v.background[:1]
		},
		"no-kubelet": func(t *testing.T, v *view) {
			v.config, v.seen, v.counts = nil, nil, nil
			v.background = []node.ReaderResult{{Name: "thresholds", Err: kubelet.ErrNone}}
		},
		"kubelet-gone-for-minutes": func(t *testing.T, v *view) {
			v.seen, v.counts = nil, nil
			for i := range v.background {
				v.background[i].Err = errors.New("connection refused")
			}
		},
		"nodefs-hung-from-the-start": func(t *testing.T, v *view) {
			v.node = without(v.node, headroom.NodeFS)
			v.layout = nil
		},
		"one-disk": func(t *testing.T, v *view) {
			one := disk{headroom.NodeFS, node.Disk{Major: 254, Minor: 0}, node.Space{Available: 15 * gib, Capacity: 100 * gib}, node.Space{Available: 300000, Capacity: 6553600}}
			two, three := one, one
			two.role, three.role = headroom.ImageFS, headroom.ContainerFS
			v.node = snapshot(one, two, three)
			v.layout = &layout{}
		},
		"no-inodes-counted": func(t *testing.T, v *view) {
			btrfs := disk{headroom.NodeFS, node.Disk{Major: 0, Minor: 31}, node.Space{Available: 50 * gib, Capacity: 100 * gib}, node.Space{}}
			two, three := btrfs, btrfs
			two.role, three.role = headroom.ImageFS, headroom.ContainerFS
			v.node = snapshot(btrfs, two, three)
			v.layout = &layout{}
			v.config = configuration(t, "evictionHard: {nodefs.inodesFree: 1k, imagefs.inodesFree: 5%}\n")
		},
		"restart-pending": func(t *testing.T, v *view) {
			v.config.OnDisk = configuration(t, "evictionHard: {nodefs.available: 5%}\nevictionPressureTransitionPeriod: 1m\n")
		},
		"soft-thresholds": func(t *testing.T, v *view) {
			v.config = configuration(t, `
evictionHard: {memory.available: 100Mi, pid.available: 10%}
evictionSoft: {nodefs.available: 15%, imagefs.inodesFree: 200k}
evictionSoftGracePeriod: {nodefs.available: 1m30s, imagefs.inodesFree: 2m}
evictionMinimumReclaim: {nodefs.available: 5%, memory.available: 500Mi, imagefs.inodesFree: 1k, pid.available: 1%}
imageGCHighThresholdPercent: 100
evictionPressureTransitionPeriod: 30s
`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := everything(t)
			change(t, &v)
			got := text(t, v)
			golden := filepath.Join("testdata", name+".prom")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
			problems, err := promlint.New(bytes.NewReader(got)).Lint()
			if err != nil || len(problems) > 0 {
				t.Errorf("promlint: %v, %v", problems, err)
			}
		})
	}
}

func TestImageGCMarginIsAbsentWhereItMeansNothing(t *testing.T) {
	const hard, soft = "evictionHard: {imagefs.available: 15%}\n", "evictionHard: {}\nevictionSoft: {imagefs.available: 15%}\nevictionSoftGracePeriod: {imagefs.available: 1m}\n"
	for name, c := range map[string]struct {
		fields string
		change func(v *view)
		want   bool
	}{
		"a hard threshold":               {hard, func(v *view) {}, true},
		"image GC is off":                {hard + "imageGCHighThresholdPercent: 100\n", func(v *view) {}, false},
		"image GC begins at the last":    {hard + "imageGCHighThresholdPercent: 99\n", func(v *view) {}, true},
		"only a soft threshold":          {soft, func(v *view) {}, false},
		"imagefs cannot be read":         {hard, func(v *view) { v.node = without(v.node, headroom.ImageFS) }, false},
		"imagefs says it has no room":    {hard, func(v *view) { room(v, headroom.ImageFSAvailable, 0) }, false},
		"imagefs has room for one block": {hard, func(v *view) { room(v, headroom.ImageFSAvailable, 1) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			v := everything(t)
			v.config = configuration(t, c.fields)
			c.change(&v)
			got := string(text(t, v))
			if strings.Contains(got, "headroom_image_gc_margin_ratio{") != c.want || strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
				t.Errorf("want one: %v, got:\n%s", c.want, got)
			}
		})
	}
}

// room changes the capacity of a signal.
func room(v *view, s headroom.Signal, capacity int64) {
	for i := range v.node.Readings {
		if v.node.Readings[i].Signal == s {
			v.node.Readings[i].Available, v.node.Readings[i].Capacity = 0, capacity
		}
	}
}

func TestEveryMetricIsSeenInSomeGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.prom")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	for _, m := range metrics {
		if !strings.Contains(all.String(), "\n"+m.name) {
			t.Errorf("%s is in no golden file", m.name)
		}
	}
}

func TestExpositionIsUsedAgainWithoutTraces(t *testing.T) {
	v, p := everything(t), newAnswer().packer
	x := &exposition{}
	x.expose(&v, newPage(&v, nil, p))
	x.reset()
	v.node, v.config, v.layout = node.Snapshot{}, nil, nil
	later := newPage(&v, nil, p)
	x.expose(&v, later)
	if diff := cmp.Diff(string(text(t, v)), string(later.text)+string(x.text(nil))); diff != "" {
		t.Error(diff)
	}
}

func TestMountPointThatIsNotUTF8DoesNotSpoilTheScrape(t *testing.T) {
	v := everything(t)
	fs := v.node.Filesystems[headroom.NodeFS]
	fs.Mountpoint = "/mnt/\xff\"\n"
	v.node.Filesystems[headroom.NodeFS] = fs
	if got := string(text(t, v)); !strings.Contains(got, `mountpoint="/mnt/`+"\uFFFD"+`\"\n"`) {
		t.Error(got)
	}
}

func TestMetricsAreInTheOrderOfTheirNames(t *testing.T) {
	for i := 1; i < len(metrics); i++ {
		if metrics[i-1].name >= metrics[i].name {
			t.Errorf("%s stands before %s", metrics[i-1].name, metrics[i].name)
		}
	}
}

func TestTheReferenceIsWhatTheProgramHas(t *testing.T) {
	doc, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"exporter": Table(), "problems": ProblemTable()} {
		_, after, _ := strings.Cut(string(doc), "<!-- "+name+":begin -->\n")
		shown, _, ok := strings.Cut(after, "<!-- "+name+":end -->")
		if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(shown)); !ok || diff != "" {
			t.Errorf("between <!-- %s:begin --> and <!-- %s:end --> docs/metrics.md should have:\n%s", name, name, want)
		}
	}
}

func text(t *testing.T, v view) []byte {
	t.Helper()
	p := newPage(&v, nil, newAnswer().packer)
	x := &exposition{}
	x.expose(&v, p)
	return append(slices.Clone(p.text), x.text(nil)...)
}

type disk struct {
	role          headroom.Filesystem
	disk          node.Disk
	bytes, inodes node.Space
}

// snapshot is a node with 16 GiB of memory and 31,744 of 32,768 PIDs left.
func snapshot(disks ...disk) node.Snapshot {
	s := node.Snapshot{
		Readings: []headroom.Reading{
			{Signal: headroom.MemoryAvailable, Available: 12977216000, Capacity: 16777216000},
			{Signal: headroom.AllocatableMemoryAvailable, Available: 5416192768, Capacity: 7516192768},
		},
		Readers: []node.ReaderResult{{Name: "memory", Duration: 100 * time.Microsecond}, {Name: "allocatable", Duration: 30 * time.Microsecond}},

		Filesystems: make(map[headroom.Filesystem]node.Filesystem),
	}
	for _, d := range disks {
		fs := node.Filesystem{
			Path: "/x", Disk: d.disk, Mountpoint: "/mnt/" + d.disk.String(), Device: "/dev/disk", Type: "ext4",
			Bytes: d.bytes, Inodes: d.inodes,
		}
		bytes, inodes := fs.Readings(d.role)
		s.Readings = append(s.Readings, bytes, inodes)
		s.Filesystems[d.role] = fs
		s.Readers = append(s.Readers, node.ReaderResult{Name: string(d.role), Duration: 20 * time.Microsecond})
	}
	s.Readings = append(s.Readings, headroom.Reading{Signal: headroom.PIDAvailable, Available: 31744, Capacity: 32768})
	s.Readers = append(s.Readers, node.ReaderResult{Name: "pid", Duration: 50 * time.Microsecond})
	return s
}

// without is s as if role had hung.
func without(s node.Snapshot, role headroom.Filesystem) node.Snapshot {
	out := node.Snapshot{Filesystems: make(map[headroom.Filesystem]node.Filesystem)}
	for _, r := range s.Readings {
		if r.Signal.Filesystem() != role {
			out.Readings = append(out.Readings, r)
		}
	}
	for name, fs := range s.Filesystems {
		if name != role {
			out.Filesystems[name] = fs
		}
	}
	for _, r := range s.Readers {
		if r.Name == string(role) {
			r.Err, r.Duration = os.ErrDeadlineExceeded, 500*time.Millisecond
		}
		out.Readers = append(out.Readers, r)
	}
	return out
}

func configuration(t testing.TB, fields string) *kubelet.Configuration {
	t.Helper()
	c, err := kubelet.ParseFile([]byte("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n" + fields))
	if err != nil {
		t.Fatal(err)
	}
	c.Source, c.Version, c.Read = kubelet.FromConfigz, "v1.37.2", time.Unix(1800000000, 250e6)
	return c
}

func TestAScrapeTellsWhetherAThresholdIsMet(t *testing.T) {
	for config, want := range map[string]bool{
		"evictionHard: {nodefs.available: 12%}\n": false, // equal is not met
		"evictionHard: {nodefs.available: 13%}\n": true,
		"evictionHard: {}\nevictionSoft: {nodefs.available: 13%}\nevictionSoftGracePeriod: {nodefs.available: 1m}\n": true,
		"evictionHard: {nodefs.available: 13%, pid.available: \"1\"}\n":                                              true, // met first, and not last
	} {
		v := everything(t)
		v.config = configuration(t, config)
		x := newAnswer()
		if got := x.expose(&v, newPage(&v, nil, x.packer)); got != want {
			t.Errorf("%s: %v", config, got)
		}
	}
}
