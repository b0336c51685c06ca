//go:build e2e

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/product"
)

// exporter is where the unit listens: the machine's network is the test's.
const exporter = "127.0.0.1:10910"

// install puts exporter and unit where deploy/README.md says, to the byte.
func install(t *testing.T, m *Machine) {
	t.Helper()
	bin := filepath.Join(m.Root, "usr/local/bin")
	if _, err := product.Build(t.Context(), bin, "headroom-exporter"); err != nil {
		t.Fatal(err)
	}
	root, err := product.Root()
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile(filepath.Join(root, "deploy/systemd/headroom-exporter.service"))
	if err != nil {
		t.Fatal(err)
	}
	m.Write(t, "/etc/systemd/system/headroom-exporter.service", unit, 0o644)
}

func TestTheUnitReadsTheKubeletsFileWhereNoneRuns(t *testing.T) {
	m := New(t)
	install(t, m)
	m.Write(t, "/var/lib/kubelet/config.yaml", []byte(configuration+"cgroupsPerQOS: false\nenforceNodeAllocatable: []\n"), 0o600)
	if err := os.MkdirAll(filepath.Join(m.Root, "var/lib/containerd"), 0o700); err != nil {
		t.Fatal(err)
	}
	m.Boot(t)
	m.Run(t, "systemctl", "enable", "--now", "headroom-exporter")
	scraped := scrape(t, "files")
	hard(t, scraped, "memory.available", 200<<20)
	hard(t, scraped, "imagefs.available", 0)
}

// scrape scrapes until every reader succeeds, and the thresholds are from source.
func scrape(t *testing.T, source string) product.Samples {
	t.Helper()
	var scraped product.Samples
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("two minutes are over"))
	defer cancel()
	err := cluster.Wait(ctx, "the exporter", func(ctx context.Context) error {
		var err error
		if scraped, err = product.Scrape(ctx, exporter); err != nil {
			return err
		}
		if len(scraped.Of("headroom_thresholds_info", "source", source)) == 0 {
			return fmt.Errorf("the thresholds are from %v", scraped.Of("headroom_thresholds_info"))
		}
		for _, reader := range scraped.Of("headroom_read_success") {
			if reader.Value != 1 {
				return fmt.Errorf("%s fails", reader.Metric["reader"])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return scraped
}

// hard fails the test unless the hard threshold of a signal is that many bytes; 0
// is that there is none.
func hard(t *testing.T, s product.Samples, signal string, want float64) {
	t.Helper()
	enabled, err := s.Value("headroom_threshold_enabled", "signal", signal, "eviction", "hard")
	if err != nil || (enabled == 1) != (want > 0) {
		t.Errorf("%s has a threshold: %v, %v", signal, enabled, err)
	}
	if want == 0 {
		return
	}
	if got, err := s.Value("headroom_threshold_bytes", "signal", signal, "eviction", "hard"); err != nil || got != want {
		t.Errorf("the threshold of %s is %v, %v, want %v", signal, got, err, want)
	}
}
