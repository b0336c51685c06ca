package exporter

import (
	"io"

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
	web *web.FlagConfig
	log promslog.Config
}

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
	f.web = kingpinflag.AddFlags(app, ":10910")
	promslogflag.AddFlags(app, &f.log)
	_, err := app.Parse(args)
	if answered {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return f, f.Check()
}
