package main

import (
	"context"
	"fmt"
	"path"
	"time"
)

// Prometheus's usual interval, and how many of them are waited for: two minutes,
// after which Go collects garbage however little there is.
const (
	interval  = 15 * time.Second
	intervals = 8
)

// atInterval scrapes each of them every 15 seconds, n times, and then waits for
// the end of the last interval.
func (b *bench) atInterval(ctx context.Context, n int, all ...*scraped) error {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for i := range n {
		fmt.Fprintf(b.progress, "  one scrape every %s: %d of %d\n", interval, i+1, n)
		if err := inTurn(ctx, 1, all...); err != nil {
			return err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// A background is an exporter or more that read one source often, and nothing else.
type background struct {
	source
	exporters []*scraped
	before    answered // to all of them
}

// perSecond measures what the exporters use at a scrape per 15 s. The kubelet is
// read too seldom for a short measurement: what a read costs is measured beside
// it, by exporters that read one source more often and are not scraped, and counts
// as often as the shipped intervals say. What an exporter costs to which nothing
// happens is taken off.
func (b *bench) perSecond(ctx context.Context, k *standIn, ours, theirs *scraped) error {
	help, err := b.help(ctx)
	if err != nil {
		return err
	}
	idle, err := b.asking(ctx, k, "idle", every()...)
	if err != nil {
		return err
	}
	readers, err := b.readers(ctx, k)
	if err != nil {
		return err
	}
	all := []*scraped{ours, theirs, idle}
	for _, r := range readers {
		all = append(all, r.exporters...)
	}
	looks := k.given(ours.who, summaryPath).times
	began := time.Now()
	spent, err := costs(all, func() error { return b.atInterval(ctx, intervals, ours, theirs) })
	if err != nil {
		return err
	}
	lasted := time.Since(began).Seconds()
	if more := k.given(ours.who, summaryPath).times - looks; more > 0 {
		b.remark("The root filesystem was written to meanwhile, so that the exporter read %d summaries ahead of time: its CPU per second is too high by these.", more)
	}

	scraping, total, rest := spent[0]/lasted, spent[0]/lasted, spent[3:]
	for _, r := range readers {
		var cost float64
		for range r.exporters {
			cost += rest[0] - spent[2]
			rest = rest[1:]
		}
		added, err := b.offPath(k, r, cost, help)
		if err != nil {
			return err
		}
		total += added
	}
	b.compare("CPU per second at a scrape per 15 s, what is read of the kubelet left out", scraping, spent[1]/lasted, microseconds, "node_exporter", 0)
	b.compare("CPU per second at a scrape per 15 s, whole process", total, spent[1]/lasted, microseconds, "node_exporter", 1)
	b.remark("Off the scrape path: what one read costs was measured over %.0f s by exporters that do it more often; the whole process is what one that is scraped used in that time, without any such read, and the reads as often as they are by default.", lasted)
	return nil
}

// readers starts the exporters that read one source often.
func (b *bench) readers(ctx context.Context, k *standIn) ([]*background, error) {
	var all []*background
	for _, s := range sources {
		r := &background{source: s}
		for i := range s.exporters {
			e, err := b.asking(ctx, k, fmt.Sprintf("%s-%d", path.Base(s.path), i), every(s.path)...)
			if err != nil {
				return nil, err
			}
			r.exporters = append(r.exporters, e)
		}
		all = append(all, r)
	}
	for _, r := range all {
		r.before = r.given(k)
	}
	return all, nil
}

// given is what the kubelet has answered to all of them.
func (r *background) given(k *standIn) (sum answered) {
	for _, e := range r.exporters {
		a := k.given(e.who, r.path)
		sum.times += a.times
		sum.bytes += a.bytes
	}
	return sum
}

// offPath adds the row of a source, of which the reads since before have cost so
// many CPU seconds, and returns what they cost per second at the shipped interval.
func (b *bench) offPath(k *standIn, r *background, cost float64, help string) (perSecond float64, err error) {
	every, err := shipped(help, r.flag)
	if err != nil {
		return 0, err
	}
	now := r.given(k)
	times := now.times - r.before.times
	if times == 0 {
		return 0, fmt.Errorf("%s was not read", r.path)
	}
	size := float64(now.bytes-r.before.bytes) / float64(times)
	one := cost / float64(times)
	perSecond = one / every.Seconds()
	b.limit(fmt.Sprintf("off the scrape path: CPU of reading %s, %s every %s", r.path, kibibytes(size), every), one, microseconds,
		fmt.Sprintf("%s per second; %d reads", microseconds(perSecond), times), 0)
	return perSecond, nil
}
