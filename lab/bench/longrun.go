package main

import (
	"context"
	"fmt"
)

// Between so many scrapes and so many an exporter must not grow.
const (
	young = 1_000
	old   = 10_000
)

// longRunners starts two exporters that read everything of the kubelet often, and
// will be scraped many times.
func (b *bench) longRunners(ctx context.Context, k *standIn) (two [2]*scraped, err error) {
	for i := range two {
		if two[i], err = b.asking(ctx, k, fmt.Sprintf("old-%d", i), every(configzPath, metricsPath, summaryPath)...); err != nil {
			return two, err
		}
	}
	return two, nil
}

// A size is how large a process is.
type size struct{ resident, peak, threads float64 }

func sizeOf(s *scraped) (z size, err error) {
	if z.resident, err = memory(s.PID(), "VmRSS"); err != nil {
		return z, err
	}
	if z.peak, err = memory(s.PID(), "VmHWM"); err != nil {
		return z, err
	}
	z.threads, err = s.threads()
	return z, err
}

// inTheLongRun measures memory, threads and goroutines over 10,000 scrapes. How
// many goroutines there are a program tells only at its end: after the first
// thousand one of the two ends for that.
func (b *bench) inTheLongRun(ctx context.Context, two [2]*scraped, theirs *scraped) error {
	ours := two[0]
	fmt.Fprintf(b.progress, "  %d scrapes\n", old)
	if err := inTurn(ctx, young, ours, two[1], theirs); err != nil {
		return err
	}
	before, err := sizeOf(ours)
	if err != nil {
		return err
	}
	goroutines, err := two[1].quit()
	if err != nil {
		return err
	}
	if err := inTurn(ctx, old-young, ours, theirs); err != nil {
		return err
	}
	after, err := sizeOf(ours)
	if err != nil {
		return err
	}
	other, err := sizeOf(theirs)
	if err != nil {
		return err
	}
	remaining, err := ours.quit()
	if err != nil {
		return err
	}
	b.compare("resident memory, after 10,000 scrapes", after.resident, other.resident, mebibytes, "node_exporter", 1)
	b.compare("resident memory, at its peak", after.peak, other.peak, mebibytes, "node_exporter", 0)
	b.compare("resident memory, after 10,000 scrapes", after.resident, before.resident, mebibytes, "after 1,000", 1.1)
	b.compare("threads, after 10,000 scrapes", after.threads, before.threads, count, "after 1,000", 0)
	b.compare("goroutines, after 10,000 scrapes", remaining, goroutines, count, "after 1,000", 0)
	b.remark("Memory, threads and goroutines are of an exporter that reads the kubelet far more often than by default, a summary every 30 s.")
	return nil
}
