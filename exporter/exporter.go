package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	nodeflag "github.com/nodeheadroom/headroom/node/flag"
)

// Run is the program: without a command it serves until ctx ends, which is no
// error. args are without the program's name. Help and what is asked for go to
// stdout, the log to stderr. What check found is an error that is a Verdict; so
// is, wrapped, that the program was called wrongly.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parse(args, stdout, stderr)
	switch {
	case err != nil:
		return wrong{err}
	case f == nil:
		return nil
	case f.command == checkCommand:
		return check(ctx, f, stdout)
	}
	f.log.Writer = stderr
	log := promslog.New(&f.log)
	log.Info("Starting headroom-exporter", "version", version.Info(), "build_context", version.BuildContext())

	m, err := f.Machine(log)
	if err != nil {
		return err
	}
	c, err := f.collector(m, f.consumers, log)
	if err != nil {
		return err
	}
	handler, err := newHandler(c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()
	background.Go(func() { m.Run(ctx) })
	if c.observer != nil {
		background.Go(func() { c.observer.run(ctx) })
	}
	awaitFirst(ctx, m.Ready())
	return serve(ctx, handler, f.web, log)
}

// collector returns the collector of a machine, with everything it is told by.
func (f *flags) collector(m *nodeflag.Machine, consumers int, log *slog.Logger) (*collector, error) {
	c, err := newCollector(m.Node, m.Source, log)
	if err != nil {
		return nil, err
	}
	c.runtime = m.Runtime
	c.observer = f.observer(m, consumers, log)
	return c, nil
}

// awaitFirst gives the thresholds a moment, so that the first scrape has them if
// their source answers. One that does not must not keep the rest from being
// served.
func awaitFirst(ctx context.Context, ready <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	select {
	case <-ready:
	case <-ctx.Done():
	}
}

func newHandler(c *collector) (http.Handler, error) {
	landing, err := web.NewLandingPage(web.LandingConfig{
		Name:        "headroom-exporter",
		Description: "How far this node is from kubelet eviction",
		Version:     version.Info(),
		Profiling:   "false",
		Links: []web.LandingLinks{
			{Address: "/metrics", Text: "Metrics"},
			{Address: "/-/healthy", Text: "Health", Description: "answers while the program serves"},
		},
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", c)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "OK\n") })
	mux.Handle("GET /", landing)
	return mux, nil
}

// serve answers requests until ctx ends, and then those that are under way.
func serve(ctx context.Context, handler http.Handler, flags *web.FlagConfig, log *slog.Logger) error {
	if err := web.Validate(*flags.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %s: %w", *flags.WebConfigFile, err)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		server.Shutdown(ctx)
	})
	err := web.ListenAndServe(server, flags, log)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	if *flags.WebSystemdSocket {
		return fmt.Errorf("--web.systemd-socket: %w", err)
	}
	return fmt.Errorf("--web.listen-address: %w", err)
}
