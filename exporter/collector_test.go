package exporter

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// kept stands in for a source whose kubelet went away minutes ago.
type kept struct{ config *kubelet.Configuration }

func (k kept) Configuration() (*kubelet.Configuration, error) { return k.config, nil }
func (k kept) Last() (time.Duration, error)                   { return 2 * time.Second, errors.New("connection refused") }

func TestKeptThresholdsAreServedAsSuch(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	c := collect(t, node.New(node.Config{Facts: node.Fixed(map[headroom.Filesystem]string{"nodefs": dir, "imagefs": dir, "containerfs": dir}), Timeout: time.Minute}), kept{configuration(t, "")})
	got := gather(t, c)
	for _, want := range []string{
		`headroom_threshold_enabled{signal="nodefs.available",eviction="hard"} 1`,
		`headroom_read_success{reader="thresholds"} 0`,
		`headroom_read_duration_seconds{reader="thresholds"} 2`,
		`headroom_read_success{reader="nodefs"} 1`,
	} {
		if strings.Count(got, want+"\n") != 1 {
			t.Errorf("%s is not there once:\n%s", want, got)
		}
	}
}

func TestExpositionIsTheSameAtEveryScrape(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	c := collect(t, node.New(node.Config{Facts: node.Fixed(map[headroom.Filesystem]string{"nodefs": dir, "imagefs": dir, "containerfs": dir}), Timeout: time.Minute}), kept{configuration(t, "")})
	first := strings.Count(gather(t, c), "\n")
	for range 3 {
		if got := strings.Count(gather(t, c), "\n"); got != first {
			t.Errorf("%d lines, at first there were %d", got, first)
		}
	}
}

func TestDisksAreRememberedWhileOneCannotBeRead(t *testing.T) {
	a, b := node.Filesystem{Disk: node.Disk{Major: 8, Minor: 1}}, node.Filesystem{Disk: node.Disk{Major: 8, Minor: 2}}
	type disks = map[headroom.Filesystem]node.Filesystem
	two := disks{"nodefs": a, "imagefs": b, "containerfs": b}
	for name, c := range map[string]struct {
		seen []disks
		want *layout
	}{
		"nothing yet":                    {[]disks{{"nodefs": a}}, nil},
		"nothing yet without containers": {[]disks{{"nodefs": a, "imagefs": b}}, nil},
		"one disk":                       {[]disks{{"nodefs": a, "imagefs": a, "containerfs": a}}, &layout{}},
		"two disks":                      {[]disks{two}, &layout{dedicated: true}},
		"images alone":                   {[]disks{{"nodefs": a, "imagefs": b, "containerfs": a}}, &layout{dedicated: true, split: true}},
		"containers alone":               {[]disks{{"nodefs": a, "imagefs": a, "containerfs": b}}, &layout{split: true}},
		"nodefs hangs":                   {[]disks{two, {"imagefs": b, "containerfs": b}}, &layout{dedicated: true}},
		"imagefs hangs":                  {[]disks{two, {"nodefs": a}}, &layout{dedicated: true}},
		"a disk was added":               {[]disks{{"nodefs": a, "imagefs": a, "containerfs": a}, two}, &layout{dedicated: true}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &collector{}
			var got *layout
			for _, fs := range c.seen {
				got = k.see(fs)
			}
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestReaderIsLoggedWhenItsOutcomeIsNews(t *testing.T) {
	var log bytes.Buffer
	k := &collector{log: slog.New(slog.NewTextHandler(&log, nil)), failed: make(map[string]string)}
	gone := errors.New("no such file")
	slow := fmt.Errorf("since 10:00: %w", os.ErrDeadlineExceeded)
	again := fmt.Errorf("since 10:15: %w", os.ErrDeadlineExceeded)
	for i, c := range []struct {
		nodefs error
		lines  int // of the log, from the beginning
	}{{nil, 0}, {gone, 1}, {gone, 1}, {slow, 2}, {again, 2}, {nil, 3}, {nil, 3}, {gone, 4}} {
		k.report([]node.ReaderResult{{Name: "nodefs", Err: c.nodefs}, {Name: "imagefs"}})
		if got := strings.Count(log.String(), "\n"); got != c.lines {
			t.Errorf("%d: %d lines, want %d:\n%s", i, got, c.lines, log.String())
		}
	}
}

func collect(t *testing.T, n snapshots, s configurations) *collector {
	t.Helper()
	k, err := newCollector(n, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func gather(t *testing.T, c *collector) string {
	t.Helper()
	p, body := c.read(newAnswer())
	return string(p.text) + string(body)
}
