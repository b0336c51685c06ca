//go:build e2e

package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

func TestContainerdIsAskedWhereItsImagesAre(t *testing.T) {
	t.Parallel()
	for name, layout := range map[string]cluster.Layout{"one disk": cluster.OneDisk, "nodefs and imagefs apart": cluster.TwoDisks} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, n := startNode(t, cluster.NodeConfig{Layout: layout, Kubelet: quiet})
			told := startExporter(t, n)
			asking := startInside(t, n, "--runtime.endpoint=unix://"+n.Socket(), "--kubelet.root-dir="+n.RootDir())
			disks := func(e *exporter) samples {
				return e.await(t, "three filesystems", func(s samples) error {
					for _, role := range []string{"nodefs", "imagefs", "containerfs"} {
						if _, err := s.get("headroom_signal_available_bytes", "signal", role+".available"); err != nil {
							return err
						}
					}
					return nil
				}).of("headroom_filesystem_info")
			}
			if diff := cmp.Diff(disks(told), disks(asking)); diff != "" {
				t.Errorf("containerd answers other filesystems than those that its flags name (-flags +containerd):\n%s", diff)
			}
		})
	}
}
