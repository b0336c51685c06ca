package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/tools"
)

const (
	warmup  = 200
	scrapes = 2000
	// Prometheus's usual interval, and how many of them are waited for.
	interval  = 15 * time.Second
	intervals = 4
)

// A scraped is a program that is scraped.
type scraped struct {
	*process.Process
	url       string
	latencies []float64
}

// scrapes measures the exporter beside node_exporter, scrape for scrape in turn.
func (b *bench) scrapes(ctx context.Context) error {
	path, err := tools.Path("node_exporter")
	if err != nil {
		return err
	}
	ours, err := b.scraped(ctx, b.binary("headroom-exporter"),
		"--path.nodefs=/", "--path.imagefs=/", "--kubelet.assume="+b.assumed())
	if err != nil {
		return err
	}
	defer ours.Stop(time.Second)
	theirs, err := b.scraped(ctx, path,
		"--collector.disable-defaults", "--collector.filesystem", "--collector.meminfo", "--web.disable-exporter-metrics")
	if err != nil {
		return err
	}
	defer theirs.Stop(time.Second)
	both := [2]*scraped{ours, theirs}

	for _, measure := range []func(context.Context, [2]*scraped) error{b.perScrape, b.perInterval, b.residents, b.calls} {
		if err := measure(ctx, both); err != nil {
			return err
		}
	}
	b.remark("node_exporter runs with its filesystem and meminfo collectors alone, and without metrics about itself. Scrapes are asked for as Prometheus asks, and answered compressed.")
	b.remark("The exporter reads no kubelet summary yet: the budgets that include one have that to spend.")
	return nil
}

func (b *bench) scraped(ctx context.Context, path string, args ...string) (*scraped, error) {
	p, err := process.Start(process.Options{Name: path, Path: path, Args: append(args, "--web.listen-address=127.0.0.1:0")})
	if err != nil {
		return nil, err
	}
	address, err := p.Address(ctx)
	if err != nil {
		p.Stop(time.Second)
		return nil, err
	}
	return &scraped{Process: p, url: "http://" + address + "/metrics"}, nil
}

// scrape asks as Prometheus 3 does.
func (s *scraped) scrape(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1")
	request.Header.Set("Accept-Encoding", "gzip")
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", s.url, response.Status)
	}
	s.latencies = append(s.latencies, time.Since(began).Seconds())
	return nil
}

// inTurn scrapes both n times, and returns the CPU seconds that it cost each.
func inTurn(ctx context.Context, both [2]*scraped, n int) (cost [2]float64, err error) {
	var before [2]float64
	for i, s := range both {
		if before[i], err = cpu(s.PID()); err != nil {
			return cost, err
		}
	}
	for range n {
		for _, s := range both {
			if err := s.scrape(ctx); err != nil {
				return cost, err
			}
		}
	}
	for i, s := range both {
		after, err := cpu(s.PID())
		if err != nil {
			return cost, err
		}
		cost[i] = after - before[i]
	}
	return cost, nil
}

func (b *bench) perScrape(ctx context.Context, both [2]*scraped) error {
	if _, err := inTurn(ctx, both, warmup); err != nil {
		return err
	}
	both[0].latencies, both[1].latencies = nil, nil
	cost, err := inTurn(ctx, both, scrapes)
	if err != nil {
		return err
	}
	bare, err := bareReads(scrapes)
	if err != nil {
		return err
	}
	ours, theirs := cost[0]/scrapes, cost[1]/scrapes
	b.compare("CPU of one scrape", ours, theirs, microseconds, "node_exporter", 0.5)
	b.compare("CPU of one scrape", ours, bare, microseconds, "the bare system calls", 0)
	b.compare("latency of a scrape, median", median(both[0].latencies), median(both[1].latencies), microseconds, "node_exporter", 0)
	b.compare("latency of a scrape, p99", quantile(both[0].latencies, 0.99), quantile(both[1].latencies, 0.99), microseconds, "node_exporter", 0)
	return nil
}

// perInterval lets both alone but for a scrape every 15 seconds: what they do
// between scrapes counts.
func (b *bench) perInterval(ctx context.Context, both [2]*scraped) error {
	var before, cost [2]float64
	var err error
	for i, s := range both {
		if before[i], err = cpu(s.PID()); err != nil {
			return err
		}
	}
	began := time.Now()
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for n := range intervals {
		fmt.Fprintf(b.progress, "  one scrape every %s: %d of %d\n", interval, n+1, intervals)
		for _, s := range both {
			if err := s.scrape(ctx); err != nil {
				return err
			}
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for i, s := range both {
		after, err := cpu(s.PID())
		if err != nil {
			return err
		}
		cost[i] = (after - before[i]) / time.Since(began).Seconds()
	}
	b.compare("CPU per second at a scrape per 15 s, whole process", cost[0], cost[1], microseconds, "node_exporter", 1)
	return nil
}

func (b *bench) residents(_ context.Context, both [2]*scraped) error {
	var resident [2]float64
	for i, s := range both {
		var err error
		if resident[i], err = memory(s.PID(), "VmRSS"); err != nil {
			return err
		}
	}
	b.compare("resident memory", resident[0], resident[1], mebibytes, "node_exporter", 1)
	return nil
}
