package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	warmup  = 200
	scrapes = 2000
)

// scrapes measures the whole exporter beside node_exporter: scrape for scrape in
// turn, what it does between scrapes, and what becomes of it in the long run.
func (b *bench) scrapes(ctx context.Context) error {
	k, err := b.kubelet(ctx)
	if err != nil {
		return err
	}
	ours, err := b.asking(ctx, k, "ours", every()...)
	if err != nil {
		return err
	}
	theirs, err := b.nodeExporter(ctx)
	if err != nil {
		return err
	}
	if err := b.perScrape(ctx, ours, theirs); err != nil {
		return err
	}
	if err := b.published(ctx, ours, theirs); err != nil {
		return err
	}
	two, err := b.longRunners(ctx, k)
	if err != nil {
		return err
	}
	if err := b.perSecond(ctx, k, ours, theirs); err != nil {
		return err
	}
	if err := b.inTheLongRun(ctx, two, theirs); err != nil {
		return err
	}
	if err := b.calls(ctx, ours, theirs); err != nil {
		return err
	}
	b.remark("node_exporter runs with its filesystem and meminfo collectors alone, and without metrics about itself. Scrapes are asked for as Prometheus asks, and answered compressed.")
	b.remark("The exporter runs with everything that is on by default, and --kubelet.url. It asks a process of its own over TLS, with a token, which answers what a kubelet v1.37.2 on cgroup v1 has answered (testdata), its two pods of 5 containers made %d in the summary and in the metrics; what is counted differs in every summary.", pods)
	if lacksPods() {
		b.remark("The cgroup of all pods could not be made: allocatableMemory.available was looked for and not read.")
	}
	return nil
}

// perScrape measures scrapes alone: nothing else is done meanwhile. alone is the
// same exporter without a kubelet to ask.
func (b *bench) perScrape(ctx context.Context, ours, theirs *scraped) error {
	alone, err := b.exporter(ctx, every()...)
	if err != nil {
		return err
	}
	defer alone.Stop(time.Second)
	all := []*scraped{ours, theirs, alone}
	if err := inTurn(ctx, warmup, all...); err != nil {
		return err
	}
	for _, s := range all {
		s.latencies = nil
	}
	spent, err := costs(all, func() error { return inTurn(ctx, scrapes, all...) })
	if err != nil {
		return err
	}
	bare, err := bareReads(scrapes)
	if err != nil {
		return err
	}
	one := spent[0] / scrapes
	b.compare("CPU of one scrape", one, spent[1]/scrapes, microseconds, "node_exporter", 0.5)
	b.compare("CPU of one scrape", one, bare, microseconds, "the bare system calls", 0)
	b.compare(fmt.Sprintf("CPU of one scrape, having read a summary of %d pods", pods), one, spent[2]/scrapes, microseconds, "without --kubelet.url", 0)
	b.compare("latency of a scrape, median", median(ours.latencies), median(theirs.latencies), microseconds, "node_exporter", 0)
	b.compare("latency of a scrape, p99", quantile(ours.latencies, 0.99), quantile(theirs.latencies, 0.99), microseconds, "node_exporter", 0)
	return nil
}

// published counts what a scrape has, and makes sure that the exporter reads all
// that is measured.
func (b *bench) published(ctx context.Context, ours, theirs *scraped) error {
	has, err := ours.series(ctx)
	if err != nil {
		return err
	}
	if failing := failing(has); len(failing) > 0 && !(lacksPods() && slices.Equal(failing, []string{"allocatable"})) {
		return fmt.Errorf("the exporter cannot read %q", failing)
	}
	others, err := theirs.series(ctx)
	if err != nil {
		return err
	}
	b.compare(fmt.Sprintf("series of a node with %d pods", pods), float64(len(has)), float64(len(others)), count, "node_exporter", 0)
	return nil
}

// failing returns the readers that fail, sorted:
//
//	headroom_read_success{reader="memory"} 0
func failing(series map[string]string) []string {
	var readers []string
	for name, value := range series {
		if reader, ok := strings.CutPrefix(name, `headroom_read_success{reader="`); ok && value != "1" {
			readers = append(readers, strings.TrimSuffix(reader, `"}`))
		}
	}
	slices.Sort(readers)
	return readers
}

// lacksPods reports whether the cgroup of all pods could not be made.
func lacksPods() bool { return len(findPodsCgroup().paths()) == 0 }
