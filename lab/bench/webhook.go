package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What the budget asks the webhook to bear.
const (
	perSecond = 1000
	warmFor   = 2 * time.Second
	loadFor   = 15 * time.Second
)

// webhook delivers 1,000 alerts a second, one in each request, to a remediator
// with a token and a journal on a disk. Latency counts from when a request was
// due, not from when the sender got round to it.
func (b *bench) webhook(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.scratch, "journal-")
	if err != nil {
		return err
	}
	bare, err := syncs(filepath.Join(dir, "bare"))
	if err != nil {
		return err
	}
	logs := filepath.Join(b.dir, "no-logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	r, err := b.remediator(ctx, dir, "--path.nodefs=/", "--path.imagefs=/", "--path.logs="+logs)
	if err != nil {
		return err
	}
	defer r.Stop(5 * time.Second)
	if _, _, err := r.load(ctx, warmFor); err != nil {
		return err
	}
	latencies, took, err := r.load(ctx, loadFor)
	if err != nil {
		return err
	}
	peak, err := memory(r.PID(), "VmHWM")
	if err != nil {
		return err
	}
	rate := float64(len(latencies)) / took.Seconds()
	b.limit("webhook: accepted, durable, with a token", rate, func(n float64) string { return fmt.Sprintf("%.0f/s", n) }, fmt.Sprintf("asked for %d/s", perSecond), 0)
	b.limit("webhook: from due to 202, median", median(latencies), milliseconds, "fdatasync alone "+milliseconds(median(bare)), 0)
	b.limit("webhook: from due to 202, p99", quantile(latencies, 0.99), milliseconds, "fdatasync alone "+milliseconds(quantile(bare, 0.99)), 20e-3)
	b.limit("webhook: resident memory, at its peak", peak, mebibytes, "", 64<<20)
	return nil
}

// load delivers alerts at an even pace, however long the answers take, and
// returns how long each took. The first that is not accepted ends it.
func (r *remediator) load(ctx context.Context, lasts time.Duration) (latencies []float64, took time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := int(lasts.Seconds() * perSecond)
	bodies := make([][]byte, n) // beforehand: the sender shares the processors
	signals := []string{"nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"}
	for i := range bodies {
		bodies[i] = delivery("HeadroomEvictionImminent", signals[i%len(signals)], "before", i)
	}
	latencies = make([]float64, n)
	var together sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / perSecond)
		time.Sleep(time.Until(due))
		if ctx.Err() != nil {
			break
		}
		together.Go(func() {
			if err := r.post(ctx, bodies[i]); err != nil {
				cancel(fmt.Errorf("alert %d of %d: %w", i+1, n, err))
			}
			latencies[i] = time.Since(due).Seconds()
		})
	}
	together.Wait()
	return latencies, time.Since(began), context.Cause(ctx)
}

// syncs returns how long fdatasync takes after a small write into a file that is
// there already, on the disk of path.
func syncs(path string) ([]float64, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	defer file.Close()
	block := make([]byte, 4096)
	var took []float64
	for i := range 200 {
		if _, err := file.WriteAt(block, int64(i%16)*4096); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began).Seconds())
	}
	return took, nil
}
