package exporter

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
)

// softly is what check says of a node that has 21.6 % of its disk left.
func softly(t *testing.T, config string) *report {
	t.Helper()
	v := everything(t)
	v.node, v.layout = oneDisk(21.6*gib, 3000000), &layout{}
	v.config = configuration(t, config)
	return reported(v)
}

func TestFirstSentenceNamesWhatGivesTheStatus(t *testing.T) {
	const soft = "evictionSoft: {nodefs.available: 20%}\nevictionSoftGracePeriod: {nodefs.available: 1m}\n"
	for name, c := range map[string]struct {
		config string
		status Verdict
		want   string
	}{
		"a soft threshold, and the hard one is far": {
			"evictionHard: {nodefs.available: 1%}\n" + soft, Near,
			"Within 5% of a threshold: nodefs.available (soft: 1.6 GiB, 1.6%), containerfs.available (soft: 1.6 GiB, 1.6%). nodefs.available trips first: 20.6 GiB (20.6%) above its hard threshold.",
		},
		"a soft threshold, and there is no hard one": {
			"evictionHard: {pid.available: 1%}\n" + soft, Near,
			"Within 5% of a threshold: nodefs.available (soft: 1.6 GiB, 1.6%), containerfs.available (soft: 1.6 GiB, 1.6%). pid.available trips first: ",
		},
		"both": {
			"evictionHard: {nodefs.available: 19%}\n" + soft, Near,
			"Within 5% of a threshold: nodefs.available (hard: 2.6 GiB, 2.6%), nodefs.available (soft: 1.6 GiB, 1.6%), containerfs.available (hard: 2.6 GiB, 2.6%), containerfs.available (soft: 1.6 GiB, 1.6%). nodefs.available trips first: ",
		},
		"the hard one of what trips first": {
			"evictionHard: {nodefs.available: 19%}\n", Near,
			"nodefs.available trips first: 2.6 GiB (2.6%) above its hard threshold.",
		},
		"one that is met counts more": {
			"evictionHard: {nodefs.available: 22%}\n" + soft, Past,
			"Below the hard threshold: nodefs.available, containerfs.available.",
		},
	} {
		r := softly(t, c.config)
		if got := r.sentence(); r.Verdict != c.status || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s: %q, want %s: %q", name, r.Verdict, got, c.status, c.want)
		}
	}
}

func TestReportHasTheDistanceToBothThresholds(t *testing.T) {
	r := softly(t, "evictionHard: {nodefs.available: 1%}\nevictionSoft: {nodefs.available: 20%}\nevictionSoftGracePeriod: {nodefs.available: 1m}\n")
	b, err := json.Marshal(r.find(headroom.NodeFSAvailable).Evictions)
	if err != nil {
		t.Fatal(err)
	}
	type to struct {
		Eviction string
		Status   int
		Headroom int64
		Ratio    float64
	}
	var got []to
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for i := range got { // what is compared is not the last digit
		got[i].Ratio = float64(int(1000*got[i].Ratio+0.5)) / 1000
		got[i].Headroom >>= 20
	}
	want := []to{{"hard", 0, 21094, 0.206}, {"soft", 1, 1638, 0.016}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The type of a filesystem may be anybody's: FUSE takes any after its dot.
func TestTypeOfADiskIsPrintable(t *testing.T) {
	r := &report{Filesystems: []diskReport{{Disk: "8:1", Type: "fuse.\x1b[31m\u202e" + strings.Repeat("x", 200), Device: "/dev/sda", Mountpoint: "/"}}}
	var b strings.Builder
	if err := r.write(&b); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("got %q", b.String())
	}
	for line := range strings.Lines(b.String()) {
		if cells(line) > width+1 {
			t.Errorf("%d cells: %q", cells(line), line)
		}
	}
}
