package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// hungScrapes is how often an exporter is scraped of which a filesystem hangs.
const hungScrapes = 200

// hung measures scrapes while nodefs hangs, and makes sure that nothing else is
// missing from them.
func (b *bench) hung(ctx context.Context) error {
	k, err := b.kubelet(ctx)
	if err != nil {
		return err
	}
	dir, release, err := hang(b.dir)
	if err != nil {
		b.remark("A scrape with a hung filesystem was not measured: %v.", err)
		return nil
	}
	defer release() // before the exporter is ended, whose thread waits for it
	healthy, err := b.asking(ctx, k, "healthy", every()...)
	if err != nil {
		return err
	}
	ill, err := b.asking(ctx, k, "ill", append(every(), "--path.nodefs="+dir)...)
	if err != nil {
		return err
	}
	if err := inTurn(ctx, hungScrapes, ill); err != nil {
		return err
	}
	with, err := healthy.series(ctx)
	if err != nil {
		return err
	}
	without, err := ill.series(ctx)
	if err != nil {
		return err
	}
	if lost := lost(with, without, "nodefs"); len(lost) > 0 {
		return fmt.Errorf("a hung nodefs takes away: %s", strings.Join(lost, " "))
	}
	b.limit(fmt.Sprintf("scrape while nodefs hangs, slowest of %d", hungScrapes), quantile(ill.latencies, 1), milliseconds, "median "+milliseconds(median(ill.latencies)), 1)
	b.remark("nodefs hung as a FUSE whose server never answers. All other signals and readers were in the scrape.")
	return nil
}

// hang mounts a filesystem in a folder below dir that answers nothing. release
// ends everybody's waiting.
func hang(dir string) (path string, release func(), err error) {
	path = filepath.Join(dir, "hung")
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", nil, err
	}
	server, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, fmt.Errorf("/dev/fuse: %w", err)
	}
	if err := unix.Mount("bench", path, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", server)); err != nil {
		unix.Close(server)
		return "", nil, fmt.Errorf("mount a FUSE: %w", err)
	}
	return path, func() {
		unix.Close(server)
		unix.Unmount(path, unix.MNT_DETACH)
	}, nil
}

// lost returns what of all signals and readers is missing or fails, other than
// those of one role.
func lost(with, without map[string]string, role string) []string {
	var lost []string
	for series, value := range with {
		reader := strings.HasPrefix(series, "headroom_read_success{")
		if !reader && !strings.HasPrefix(series, "headroom_signal_") || strings.Contains(series, `"`+role) {
			continue
		}
		now, ok := without[series]
		if !ok || reader && now != value {
			lost = append(lost, series)
		}
	}
	return lost
}
