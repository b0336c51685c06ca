package exporter

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestProgramMeasuresARealFilesystemAsItFills(t *testing.T) {
	dir := nodetest.Tmpfs(t, 10<<20, 0)
	p := start(t, "--path.nodefs="+dir, "--path.imagefs="+dir, "--kubelet.config="+file(t, head))
	before := p.scrape(t)
	before.want(t, `headroom_signal_capacity_bytes{signal="nodefs.available"}`, 10<<20)
	before.want(t, `headroom_signal_available_bytes{signal="nodefs.available"}`, 10<<20)
	before.want(t, `headroom_threshold_bytes{signal="nodefs.available",eviction="hard"}`, 1<<20)
	before.want(t, `headroom_threshold_met{signal="nodefs.available",eviction="hard"}`, 0)
	before.want(t, `headroom_threshold_met{signal="imagefs.available",eviction="hard"}`, 0)
	before.want(t, `headroom_thresholds_info{source="files",kubelet_version=""}`, 1)
	before.want(t, `headroom_read_success{reader="memory"}`, 1)
	before.want(t, `headroom_read_success{reader="pid"}`, 1)

	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 9<<20-4096), 0o644); err != nil {
		t.Fatal(err)
	}
	between := p.scrape(t)
	between.want(t, `headroom_signal_available_bytes{signal="nodefs.available"}`, 1<<20+4096)
	between.want(t, `headroom_threshold_met{signal="nodefs.available",eviction="hard"}`, 0)
	between.want(t, `headroom_threshold_met{signal="imagefs.available",eviction="hard"}`, 1)

	if err := os.WriteFile(filepath.Join(dir, "more"), make([]byte, 8192), 0o644); err != nil {
		t.Fatal(err)
	}
	after := p.scrape(t)
	after.want(t, `headroom_threshold_met{signal="nodefs.available",eviction="hard"}`, 1)
	after.want(t, `headroom_ratio{signal="nodefs.available",eviction="hard"}`, -4096./(10<<20))
}

func TestProgramTellsThreeDisksApart(t *testing.T) {
	nodefs, imagefs, containerfs := nodetest.Tmpfs(t, 1<<20, 100), nodetest.Tmpfs(t, 2<<20, 200), nodetest.Tmpfs(t, 4<<20, 400)
	p := start(t, "--path.nodefs="+nodefs, "--path.imagefs="+imagefs, "--path.containerfs="+containerfs,
		"--kubelet.config="+file(t, head+"evictionHard: {nodefs.available: 50%, imagefs.available: 25%}\n"))
	s := p.scrape(t)
	for signal, want := range map[string]float64{"nodefs.available": 1 << 20, "imagefs.available": 2 << 20, "containerfs.available": 4 << 20} {
		s.want(t, fmt.Sprintf("headroom_signal_capacity_bytes{signal=%q}", signal), want)
	}
	for signal, want := range map[string]float64{"nodefs.inodesFree": 100, "imagefs.inodesFree": 200, "containerfs.inodesFree": 400} {
		s.want(t, fmt.Sprintf("headroom_signal_capacity_inodes{signal=%q}", signal), want)
	}
	// Containers apart from images: the kubelet takes nodefs's thresholds for them.
	s.want(t, `headroom_threshold_bytes{signal="containerfs.available",eviction="hard"}`, 2<<20)
	s.absent(t, `headroom_image_gc_margin_ratio{signal="nodefs.available"}`)
}
