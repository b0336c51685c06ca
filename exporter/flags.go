package exporter

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	nodeflag "github.com/nodeheadroom/headroom/node/flag"
)

// flags are the program's, parsed.
type flags struct {
	*nodeflag.Config
	consumers int // of each filesystem and unit
	// How often the kubelet is asked for its summary and for its metrics.
	summaryInterval, metricsInterval time.Duration

	web *web.FlagConfig
	log promslog.Config

	command string
	output  string   // of check
	logs    []string // where check counts by itself
}

// The program's commands.
const (
	serveCommand = "serve"
	checkCommand = "check"
)

// parse returns nil flags where --help or --version was answered.
func parse(args []string, stdout, stderr io.Writer) (*flags, error) {
	f := &flags{}
	app := kingpin.New("headroom-exporter", "Publishes how far this node is from kubelet eviction.")
	app.UsageWriter(stdout)
	app.ErrorWriter(stderr)
	answered := false
	app.Terminate(func(int) { answered = true })
	app.Version(version.Print("headroom-exporter"))
	app.HelpFlag.Short('h')

	f.Config = nodeflag.AddFlags(app)
	f.addObserver(app)
	f.web = kingpinflag.AddFlags(app, ":10910")
	promslogflag.AddFlags(app, &f.log)
	f.addCommands(app)
	var err error
	f.command, err = app.Parse(args)
	if answered {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return f, f.check()
}

func (f *flags) addObserver(app *kingpin.Application) {
	app.Flag("kubelet.summary-interval", "How often to ask --kubelet.url for its own view and who uses what (/stats/summary); when a filesystem fills, up to every 30s.").Default("10m").DurationVar(&f.summaryInterval)
	app.Flag("kubelet.metrics-interval", "How often to ask --kubelet.url for its evictions (/metrics); while a threshold is met, up to every 30s.").Default("5m").DurationVar(&f.metricsInterval)
	app.Flag("consumers", "How many of the largest consumers of each filesystem to publish, by bytes and by inodes, and of processes; 0 for none.").Default("10").IntVar(&f.consumers)
}

func (f *flags) addCommands(app *kingpin.Application) {
	app.Command(serveCommand, "Serve metrics (what is done without a command).").Default()
	check := app.Command(checkCommand, "Read the node now and say how it stands. Exit status: 0 well, 1 within 5% of a threshold, 2 past one, 3 cannot tell.")
	check.Flag("output", "Format: table or json.").Short('o').Default("table").EnumVar(&f.output, "table", "json")
	check.Flag("path.logs", "Directory of container logs, as the kubelet lays them out, to count where it cannot be asked. Repeatable.").Default("/var/log/pods").StringsVar(&f.logs)
}

// maxConsumers bounds the series: with it there are at most 700.
const maxConsumers = 100

func (f *flags) check() error {
	switch {
	case f.consumers < 0 || f.consumers > maxConsumers:
		return fmt.Errorf("--consumers: %d is not between 0 and %d", f.consumers, maxConsumers)
	case f.summaryInterval < soonest || f.summaryInterval > longest:
		return fmt.Errorf("--kubelet.summary-interval: %s is not between %s and %s", f.summaryInterval, soonest, longest)
	case f.metricsInterval < 10*time.Second || f.metricsInterval > longest:
		return fmt.Errorf("--kubelet.metrics-interval: %s is not between 10s and %s", f.metricsInterval, longest)
	}
	return f.Config.Check()
}

// observer returns what asks the kubelet for its own view, or nil where there is
// none to ask.
func (f *flags) observer(m *nodeflag.Machine, consumers int, log *slog.Logger) *observer {
	viewer := m.Source.Viewer()
	if viewer == nil {
		return nil
	}
	o := newObserver(viewer, viewer, m.Node, consumers, log)
	o.every, o.counting = f.summaryInterval, f.metricsInterval
	return o
}
