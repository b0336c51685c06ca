package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nodeheadroom/headroom/lab/stage"
)

// A show is one run of the demo.
type show struct {
	out   io.Writer
	keep  bool
	pid   string // outside
	parts *parts
}

// play sets everything up, watches until every moment has happened, and judges.
func (s *show) play(ctx context.Context, disk *stage.Disk) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	screen := newScreen(s.out)
	defer screen.close()
	line := newTimeline(screen, began)
	s.title(disk)

	var err error
	if s.parts.node, err = newNode(ctx, disk); err != nil {
		return err
	}
	if err := s.parts.startOurs(ctx); err != nil {
		return err
	}
	if err := s.parts.node.settle(ctx); err != nil {
		return err
	}
	if err := s.parts.startTheirs(ctx); err != nil {
		return err
	}
	line.note(time.Now(), "started", "exporter %s, remediator %s, Prometheus %s, Alertmanager %s",
		port(s.parts.at.exporter), port(s.parts.at.remediator), port(s.parts.at.prometheus), port(s.parts.at.alertmanager))

	w := &watch{timeline: line, parts: s.parts, least: math.MaxInt64}
	if w.start, w.target, err = levels(filepath.Join(s.parts.root, "deploy", "policy.yaml")); err != nil {
		return err
	}
	if err := s.until(ctx, w); err != nil {
		return err
	}
	return s.verdict(ctx, w)
}

// until watches until all has happened, time is up, a program has died, or
// somebody has seen enough; only the last two are errors.
func (s *show) until(ctx context.Context, w *watch) error {
	watching, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(watching)
	}()
	defer func() {
		cancel()
		<-done
		w.flush(time.Now().Add(time.Hour))
		w.screen.close()
	}()
	deadline := time.NewTimer(time.Until(w.began.Add(limit)))
	defer deadline.Stop()
	alive := time.NewTicker(200 * time.Millisecond)
	defer alive.Stop()
	for {
		select {
		case <-w.all:
			return nil
		case <-deadline.C:
			return nil
		case <-alive.C:
			if err := s.parts.died(); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// verdict ends the show: what happened when, and what must not have.
func (s *show) verdict(ctx context.Context, w *watch) error {
	proof, err := s.parts.node.prove()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n%s\n", w.table())
	var failures []error
	if missing := w.missing(); len(missing) > 0 {
		for _, m := range missing {
			failures = append(failures, fmt.Errorf("  %s: not within %.0f s (%s)", m, limit.Seconds(), meaning[m]))
		}
	}
	if w.least < 0 {
		failures = append(failures, fmt.Errorf("  the kubelet would have evicted: headroom was %s", size(w.least)))
	} else {
		fmt.Fprintf(s.out, "The kubelet would not have evicted: headroom never fell below %s.\n", size(w.least))
	}
	if proof.holdsAll() {
		fmt.Fprintf(s.out, "The writer that does not append lost nothing: it wrote %d bytes and\n  sha256 %s,\n  which is what its file holds.\n", proof.bytes, proof.wrote)
	} else {
		failures = append(failures, fmt.Errorf("  the writer that does not append wrote sha256 %s, its file holds %s", proof.wrote, proof.holds))
	}
	if s.keep {
		s.stay(ctx)
	}
	if len(failures) == 0 {
		return nil
	}
	return errors.Join(append([]error{errIncomplete}, failures...)...)
}

// port shortens an address: all are on loopback.
func port(address string) string { return address[strings.LastIndex(address, ":"):] }

func (s *show) title(disk *stage.Disk) {
	kind := "ext4 on a loop device"
	if disk.Type != "ext4" {
		kind = "tmpfs (" + disk.Why + ")"
	}
	what := fmt.Sprintf("%d MiB of %s,\n            in namespaces that end with this program", diskSize>>20, kind)
	fmt.Fprintf(s.out, `Headroom: a disk fills up, and room is made before the kubelet would evict.

  disk      %s
  writers   cart appends to its log, ledger does not append, gateway rotates;
            an import fills the disk
  shipped   rules/, deploy/prometheus, deploy/alertmanager, deploy/policy.yaml:
            to the byte but for the addresses; dry run is off

`, what)
}

// stay leaves everything running until ctx ends.
func (s *show) stay(ctx context.Context) {
	fmt.Fprintf(s.out, `
Everything keeps running, until ^C or kill %s:

  Prometheus    http://%s
  Alertmanager  http://%s
  exporter      http://%s
  remediator    http://%s
  the disk      nsenter -t %s -m ls %s
`, s.pid, s.parts.at.prometheus, s.parts.at.alertmanager, s.parts.at.exporter, s.parts.at.remediator, s.pid, s.parts.node.disk.Path)
	<-ctx.Done()
}

var level = regexp.MustCompile(`(?m)^\s+(start|target):\s*([0-9.]+)%`)

// levels reads start and target of the shipped policy's case.
func levels(path string) (start, target float64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	found := make(map[string]float64)
	for _, match := range level.FindAllStringSubmatch(string(data), -1) {
		if found[match[1]], err = strconv.ParseFloat(match[2], 64); err != nil {
			return 0, 0, fmt.Errorf("%s: %s: %w", path, match[1], err)
		}
	}
	if len(found) != 2 || strings.Count(string(data), "match:") != 1 {
		return 0, 0, fmt.Errorf("%s: the demo expects one case, with start and target", path)
	}
	return found["start"] / 100, found["target"] / 100, nil
}
