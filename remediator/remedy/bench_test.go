package remedy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// benchDir is where the benchmark puts its trees: HEADROOM_BENCH_DIR, or
// /var/tmp, which is on a disk where /tmp need not be.
func benchDir() string {
	if dir := os.Getenv("HEADROOM_BENCH_DIR"); dir != "" {
		return dir
	}
	return "/var/tmp"
}

// grow makes a tree of 50,000 rotated logs of 1 KiB in 500 containers.
func grow(b *testing.B, root string) {
	b.Helper()
	data := make([]byte, 1024)
	for c := range 500 {
		dir := fmt.Sprintf("%s/shop_web-%d_6f1f2d3c-0000-4000-8000-%012d/web", root, c, c)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for i := range 100 {
			if err := os.WriteFile(fmt.Sprintf("%s/0.log.20261123-00%02d%02d.gz", dir, i/60, i%60), data, 0o640); err != nil {
				b.Fatal(err)
			}
		}
	}
	unix.Sync()
}

// BenchmarkReclaim50000 plans, checks, removes and records 50,000 files, in turn
// with rm -rf of the same tree in the same place, and reports both medians and
// their ratio.
func BenchmarkReclaim50000(b *testing.B) {
	var ours, theirs []time.Duration
	root, err := os.MkdirTemp(benchDir(), "headroom-reclaim-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(root)
	r := LogReclaim{&logSettings{Keep: 0}}
	for b.Loop() {
		grow(b, root+"/logs")
		took := clocked(b, func() error { return reclaim(r, root+"/logs") })
		ours = append(ours, took)
		if err := os.RemoveAll(root + "/logs"); err != nil {
			b.Fatal(err)
		}
		grow(b, root+"/logs")
		theirs = append(theirs, clocked(b, func() error { return exec.Command("rm", "-rf", root+"/logs").Run() }))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	a, c := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(a.Seconds()*1000, "reclaim-ms")
	b.ReportMetric(c.Seconds()*1000, "rm-ms")
	b.ReportMetric(a.Seconds()/c.Seconds(), "ratio")
}

func clocked(b *testing.B, do func() error) time.Duration {
	b.Helper()
	start := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func reclaim(r LogReclaim, root string) error {
	var st unix.Stat_t
	if err := unix.Stat(root, &st); err != nil {
		return err
	}
	n := Node{Proc: "/proc", LogRoots: []string{root}}
	plan, err := r.Plan(context.Background(), n, Need{headroom.NodeFSAvailable, idOf(&st).disk, 1 << 50})
	if err != nil {
		return err
	}
	removed, missing := 0, plan.Frees.Bytes
	_, err = r.Apply(context.Background(), n, plan, Run{
		Missing: func(context.Context) (int64, error) { return missing, nil },
		Removed: func(_ Item, a headroom.Amount) { removed++; missing -= a.Bytes },
	})
	if err == nil && removed != 50_000 {
		err = fmt.Errorf("removed %d files", removed)
	}
	return err
}
