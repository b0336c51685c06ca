package main

import "context"

// long is how many intervals the whole takes: ten minutes and as long as the second
// summary needs.
const long = 42

// whole measures what the sum of perSecond claims: an exporter as it is shipped,
// for as long as that takes.
func (b *bench) whole(ctx context.Context) error {
	k, err := b.kubelet(ctx)
	if err != nil {
		return err
	}
	ours, err := b.asking(ctx, k, "ours")
	if err != nil {
		return err
	}
	theirs, err := b.nodeExporter(ctx)
	if err != nil {
		return err
	}
	spent, err := costs([]*scraped{ours, theirs}, func() error { return b.atInterval(ctx, long, ours, theirs) })
	if err != nil {
		return err
	}
	const lasted = long * 15
	b.compare("CPU per second at a scrape per 15 s, whole process, over ten minutes", spent[0]/lasted, spent[1]/lasted, microseconds, "node_exporter", 1)
	b.remark("In ten minutes the exporter read %d configurations, %d times metrics and %d summaries.",
		k.given(ours.who, configzPath).times-1, k.given(ours.who, metricsPath).times-1, k.given(ours.who, summaryPath).times-1)
	return nil
}
