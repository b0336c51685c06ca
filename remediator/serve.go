package remediator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/alertmanager"
	"github.com/nodeheadroom/headroom/remediator/control"
	"github.com/nodeheadroom/headroom/remediator/engine"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
	"github.com/nodeheadroom/headroom/remediator/store/journal"
	"github.com/nodeheadroom/headroom/remediator/webhook"
)

// auditLimit is how large the list of what was removed grows before it is set
// aside; one older list is kept.
const auditLimit = 8 << 20

// serve receives alerts and acts on them until ctx ends.
func serve(ctx context.Context, s *settings) error {
	p, err := policy.Load(s.policyFile, remedy.All)
	if err != nil {
		return err
	}
	auth, err := webhook.Inspect(*s.web.WebConfigFile, s.tokenFile)
	if err != nil {
		return err
	}
	if err := s.confine(auth); err != nil {
		return err
	}
	source, err := s.alertmanager()
	if err != nil {
		return err
	}
	machine, err := s.node.Machine(s.logger)
	if err != nil {
		return err
	}

	host, err := s.host(machine)
	if err != nil {
		return err
	}
	defer host.close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(
		versioncollector.NewCollector("headroom_remediator"),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
	)
	metrics := engine.NewMetrics(registry, s.nodeName, p.Signals(), names(p), s.dryRun)
	store := newStore(s, registry)
	if err := store.Err(); errors.Is(err, journal.ErrInUse) {
		return err // another process serves this node
	}
	e := engine.New(engine.Config{
		Policy:  p,
		Store:   store,
		Reader:  reader{node: machine.Node, source: machine.Source},
		Node:    host.Node,
		DryRun:  s.dryRun,
		OptOut:  s.optedOut,
		Step:    s.step,
		Logger:  s.logger,
		Metrics: metrics,
		Audit:   engine.NewAudit(filepath.Join(filepath.Dir(s.journalFile), "audit.log"), auditLimit, metrics.LostAudit, s.logger),
	})
	s.warnOfNamespace()
	s.logger.Info("Starting headroom-remediator", "version", version.Info(), "node", s.nodeName, "policy", p.Hash, "dry_run", s.dryRun, "authentication", auth.Kind())

	// First the port: with one in use nothing is begun that would have to stop.
	listeners, err := s.bind()
	if err != nil {
		store.Close()
		return fmt.Errorf("listen: %w", err)
	}
	socket, err := s.control(prepared{e, machine.Ready()})
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		store.Close()
		return err
	}
	// The store outlives the listeners: what they accepted last is kept.
	ctx, stop := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { machine.Run(ctx) })
	wg.Go(func() { host.run(ctx, s.logger) })
	wg.Go(func() {
		if err := store.Opened(ctx); err != nil {
			stop(err)
		} else if ready(ctx, machine.Ready()) {
			e.Run(ctx)
		}
	})
	broken := make(chan error, 1)
	wg.Go(func() {
		if err := socket(ctx); err != nil {
			broken <- fmt.Errorf("control socket: %w", err)
			stop(err)
		}
	})
	err = s.listen(ctx, listeners, routes(registry, store, webhook.New(sink{e, metrics}, auth, source, s.logger, registry)))
	stop(nil)
	if lost := context.Cause(ctx); err == nil && errors.Is(lost, journal.ErrInUse) {
		err = lost
	}
	err = errors.Join(err, s.await(func() { wg.Wait(); store.Close() }))
	select {
	case lost := <-broken:
		return errors.Join(err, lost)
	default:
		return err
	}
}

// control makes the control socket and returns what serves it until its context
// ends; without a socket that does nothing.
func (s *settings) control(e control.Engine) (serve func(context.Context) error, err error) {
	if s.controlSocket == "" {
		return func(context.Context) error { return nil }, nil
	}
	l, err := control.Listen(s.controlSocket)
	if err != nil {
		return nil, fmt.Errorf("--control.socket: %w (an empty one serves none)", err)
	}
	server := &control.Server{Engine: e, Node: s.nodeName, DryRun: s.dryRun, Logger: s.logger}
	return func(ctx context.Context) error { return server.Serve(ctx, l) }, nil
}

// prepared is an engine that plans nothing before kubelet and runtime were asked
// for the first time.
type prepared struct {
	*engine.Engine
	asked <-chan struct{}
}

func (p prepared) Plan(ctx context.Context, signal headroom.Signal, stage string) (engine.Planned, error) {
	if !ready(ctx, p.asked) {
		return engine.Planned{}, fmt.Errorf("kubelet and runtime have not answered yet: %w", context.Cause(ctx))
	}
	return p.Engine.Plan(ctx, signal, stage)
}

// await waits for the worker and the store, but not for ever: a system call on a
// filesystem that hangs cannot be told to stop.
func (s *settings) await(end func()) error {
	stopped := make(chan struct{})
	go func() { end(); close(stopped) }()
	select {
	case <-stopped:
		return nil
	case <-time.After(s.stopTimeout):
		return fmt.Errorf("a rung has not stopped within %s (does a filesystem hang?): it is left behind, and found interrupted at the next start", s.stopTimeout)
	}
}

// hostPIDs is the number of the PID namespace that a kernel begins with
// (PROC_PID_INIT_INO in include/linux/proc_ns.h).
const hostPIDs = "pid:[4026531836]"

// warnOfNamespace says so where processes of this machine cannot be seen: who
// holds a log open is then only half known.
func (s *settings) warnOfNamespace() {
	if ns, err := os.Readlink(filepath.Join(s.node.Host.Proc, "self/ns/pid")); err == nil && ns != hostPIDs {
		s.logger.Warn("This is not the machine's PID namespace: processes outside that hold logs open are not seen (run with hostPID)", "namespace", ns)
	}
}

// confine holds back what must not be had without authentication.
func (s *settings) confine(auth *webhook.Auth) error {
	if auth.Kind() != webhook.None {
		return nil
	}
	if !s.dryRun {
		return errors.New("--no-dry-run: without authentication anybody on this machine could set off a remedy; give --webhook.token-file, or basic_auth_users or client certificates in --web.config.file")
	}
	if s.web.WebSystemdSocket != nil && *s.web.WebSystemdSocket {
		return errors.New("--web.systemd-socket: without authentication the webhook is served on loopback only, and a socket handed over may be any; give --webhook.token-file")
	}
	addresses, err := listenAddresses(*s.web.WebListenAddresses)
	if err != nil {
		return err
	}
	*s.web.WebListenAddresses = addresses
	s.logger.Warn("No authentication is configured: serving on loopback only, dry run only", "address", addresses)
	return nil
}

// alertmanager is where alerts that a notification left out are fetched; nil if
// nobody said.
func (s *settings) alertmanager() (*alertmanager.Client, error) {
	if s.alertmanagerURL == "" {
		if s.alertmanagerConfig != "" {
			return nil, errors.New("--alertmanager.http-config: without --alertmanager.url nobody is asked: give it, or remove this one")
		}
		return nil, nil
	}
	c, err := alertmanager.New(s.alertmanagerURL, s.alertmanagerConfig)
	if err != nil {
		return nil, fmt.Errorf("--alertmanager.url: %w", err)
	}
	return c, nil
}

// ready waits until kubelet and runtime were asked for the first time, so that an
// episode does not begin by not knowing the thresholds.
func ready(ctx context.Context, asked <-chan struct{}) bool {
	select {
	case <-asked:
		return true
	case <-ctx.Done():
		return false
	}
}

// listen serves until ctx ends, then lets requests finish. Without listeners it
// serves on systemd's.
func (s *settings) listen(ctx context.Context, listeners []net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	failed := make(chan error, 1)
	go func() {
		if listeners == nil {
			failed <- web.ListenAndServe(server, s.web, s.logger)
			return
		}
		failed <- web.ServeMultiple(listeners, server, s.web, s.logger)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("listen: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// names lists the remedies a policy uses, each once.
func names(p *policy.Policy) []string {
	var all []string
	seen := make(map[string]bool)
	for _, c := range p.Cases {
		for _, rung := range c.Ladder {
			if n := rung.Remedy.Name(); !seen[n] {
				seen[n] = true
				all = append(all, n)
			}
		}
	}
	return all
}

// A sink turns Alertmanager's alerts into the engine's.
type sink struct {
	engine  *engine.Engine
	metrics *engine.Metrics
}

func (s sink) Receive(ctx context.Context, d webhook.Delivery) error {
	alerts := make([]engine.Alert, len(d.Alerts))
	for i, a := range d.Alerts {
		alerts[i] = engine.Alert{Firing: a.Firing, Labels: a.Labels, StartsAt: a.StartsAt, Fingerprint: a.Fingerprint}
	}
	if err := s.engine.Receive(ctx, alerts); err != nil {
		return err
	}
	s.metrics.Refused(d.Invalid)
	return nil
}
