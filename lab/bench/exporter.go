package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nodeheadroom/headroom/lab/tools"
)

// A source is something the exporter reads of a kubelet off the scrape path.
type source struct {
	path, flag string
	often      time.Duration // the interval that what a read costs is measured at
	exporters  int           // how many read it so often
}

// sources are all of them. Often is seldom enough for the processor to have
// forgotten the last read. A summary is read every 30 s at most: one exporter alone
// would not read enough of them.
var sources = []source{
	{configzPath, "--kubelet.interval", 10 * time.Second, 1},
	{metricsPath, "--kubelet.metrics-interval", 10 * time.Second, 1},
	{summaryPath, "--kubelet.summary-interval", 30 * time.Second, 3},
}

// seldom is the longest interval that the exporter takes for any source.
const seldom = 5 * time.Minute

// every are the flags by which an exporter reads the sources at these paths
// often, and the others as seldom as it can.
func every(often ...string) []string {
	var flags []string
	for _, s := range sources {
		interval := seldom
		if slices.Contains(often, s.path) {
			interval = s.often
		}
		flags = append(flags, s.flag+"="+interval.String())
	}
	return flags
}

// shipped returns the default of a flag, as the exporter's help tells it:
//
//	--kubelet.interval=30s     How often to read the thresholds' source again.
func shipped(help, flag string) (time.Duration, error) {
	match := regexp.MustCompile(`(?m)^ +` + regexp.QuoteMeta(flag) + `=(\S+)`).FindStringSubmatch(help)
	if match == nil {
		return 0, fmt.Errorf("the exporter's help has no default of %s", flag)
	}
	return time.ParseDuration(match[1])
}

func (b *bench) help(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, b.binary("headroom-exporter"), "--help").CombinedOutput()
	return string(out), err
}

// asking starts an exporter that asks the kubelet under a name, and returns once
// it has been told everything.
func (b *bench) asking(ctx context.Context, k *standIn, who string, args ...string) (*scraped, error) {
	flags, err := k.flags(who)
	if err != nil {
		return nil, err
	}
	s, err := b.exporter(ctx, slices.Concat(flags, args)...)
	if err != nil {
		return nil, err
	}
	s.who = who
	return s, k.await(ctx, who)
}

// exporter starts one on this machine's root filesystem, or where args say.
func (b *bench) exporter(ctx context.Context, args ...string) (*scraped, error) {
	for _, role := range []string{"--path.nodefs", "--path.imagefs"} {
		if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, role+"=") }) {
			args = append(args, role+"=/")
		}
	}
	return b.scraped(ctx, b.binary("headroom-exporter"), args...)
}

func (b *bench) nodeExporter(ctx context.Context) (*scraped, error) {
	path, err := tools.Path("node_exporter")
	if err != nil {
		return nil, err
	}
	return b.scraped(ctx, path, "--collector.disable-defaults", "--collector.filesystem", "--collector.meminfo", "--web.disable-exporter-metrics")
}
