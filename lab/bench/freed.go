package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nodeheadroom/headroom/lab/stage"
)

// plays is how often an alert is delivered to a remediator that has room to make.
const plays = 25

// firstFreed measures from sending an alert until statfs shows the first byte
// that came back, by the shipped policy. Every play has a remediator of its own:
// the cooldown of the last one is not over.
func (b *bench) firstFreed(ctx context.Context) error {
	disk, err := b.stage.Disk("small", 128<<20)
	if err != nil {
		return err
	}
	var took []float64
	for n := range plays {
		seconds, err := b.play(ctx, disk)
		if err != nil {
			return fmt.Errorf("play %d: %w", n+1, err)
		}
		took = append(took, seconds)
	}
	b.limit(fmt.Sprintf("alert sent to first freed byte, the shipped ladder, median of %d", plays), median(took), milliseconds, disk.Type+" on one machine", 250e-3)
	b.limit("alert sent to first freed byte, slowest", quantile(took, 1), milliseconds, "", 0)
	return nil
}

// play sets up a disk below the policy's start, delivers one alert, and returns
// how long the first byte took.
func (b *bench) play(ctx context.Context, disk *stage.Disk) (float64, error) {
	logs, journal := filepath.Join(disk.Path, "log"), filepath.Join(disk.Path, "headroom")
	for _, dir := range []string{logs, journal, filepath.Join(disk.Path, "images")} {
		if err := os.RemoveAll(dir); err != nil {
			return 0, err
		}
	}
	if err := logTree(logs, 10, 5, 256<<10); err != nil {
		return 0, err
	}
	r, err := b.belowStart(ctx, disk, logs, journal, 0.19)
	if err != nil {
		return 0, err
	}
	defer r.Stop(5 * time.Second)
	before, _, err := free(disk)
	if err != nil {
		return 0, err
	}
	body := delivery("HeadroomThresholdMet", "imagefs.available", "at", 1)
	began := time.Now()
	answered := make(chan error, 1)
	go func() { answered <- r.post(ctx, body) }()
	err = until(disk, 10*time.Second, 100*time.Microsecond, func(bytes, _ int64) bool { return bytes > before })
	took := time.Since(began)
	if refused := <-answered; refused != nil {
		return 0, refused
	}
	return took.Seconds(), err
}
