package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/relocate"
)

// binaries are the programs that take part.
type binaries struct {
	exporter, remediator, prometheus, alertmanager string
}

// addresses are where they listen, as host:port.
type addresses struct {
	exporter, remediator, prometheus, alertmanager string
}

// parts are the four programs, running.
type parts struct {
	binaries
	root string // of the repository
	dir  string // for configuration, and for the data of those not on the node's disk
	node *node

	at      addresses
	running []*process.Process // in the order of their start
}

// listen is any free port; the programs say in their log which.
const listen = "--web.listen-address=127.0.0.1:0"

// nodeFlags say where the node is; both of our programs take them.
func (p *parts) nodeFlags(more ...string) []string {
	return append([]string{
		"--path.nodefs=" + p.node.root("kubelet"),
		"--path.imagefs=" + p.node.root("containerd"),
		"--kubelet.config=" + p.node.config(),
	}, more...)
}

// journal lies on the disk that will fill up.
func (p *parts) journal() string { return filepath.Join(p.node.root("headroom"), "journal") }

// startOurs starts exporter and remediator.
func (p *parts) startOurs(ctx context.Context) (err error) {
	token := filepath.Join(p.dir, "headroom-token") // where the shipped alertmanager.yml expects it
	if err := os.WriteFile(token, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	p.at.exporter, err = p.start(ctx, "exporter", p.binaries.exporter, p.nodeFlags(listen)...)
	if err != nil {
		return err
	}
	p.at.remediator, err = p.start(ctx, "remediator", p.binaries.remediator, p.nodeFlags(listen,
		"--no-dry-run",
		"--node.name="+relocate.Node,
		// Unlike the others it names no address, and is taken as it lies there.
		"--policy.file="+filepath.Join(p.root, "deploy", "policy.yaml"),
		"--webhook.token-file="+token,
		"--path.logs="+p.node.logs(),
		"--journal.file="+p.journal(),
		"--journal.fallback="+filepath.Join(p.dir, "journal"),
		"--control.socket="+filepath.Join(p.dir, "remediator.sock"))...)
	return err
}

// startTheirs starts Alertmanager and Prometheus, with what is shipped.
func (p *parts) startTheirs(ctx context.Context) error {
	r := relocate.Map{relocate.Exporter: p.at.exporter, relocate.Remediator: p.at.remediator}
	// Prometheus must know where Alertmanager is, so that comes first.
	if err := r.Place(p.root, p.dir, "deploy/alertmanager/alertmanager.yml"); err != nil {
		return err
	}
	var err error
	p.at.alertmanager, err = p.start(ctx, "alertmanager", p.binaries.alertmanager, listen,
		"--config.file="+filepath.Join(p.dir, "alertmanager.yml"),
		"--storage.path="+filepath.Join(p.dir, "alertmanager"),
		"--cluster.listen-address=")
	if err != nil {
		return err
	}
	r[relocate.Alertmanager] = p.at.alertmanager
	if err := r.Place(p.root, p.dir, "deploy/prometheus/prometheus.yml", "rules/*.yaml"); err != nil {
		return err
	}
	p.at.prometheus, err = p.start(ctx, "prometheus", p.binaries.prometheus, listen,
		"--config.file="+filepath.Join(p.dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(p.dir, "prometheus"))
	return err
}

// start starts a program and waits until it listens.
func (p *parts) start(ctx context.Context, name, path string, args ...string) (address string, err error) {
	started, err := process.Start(process.Options{Name: name, Path: path, Args: args, Dir: p.dir})
	if err != nil {
		return "", err
	}
	p.running = append(p.running, started)
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errSlow)
	defer cancel()
	return started.Address(ctx)
}

// died returns what any of the programs has ended with.
func (p *parts) died() error {
	for _, running := range p.running {
		select {
		case <-running.Done():
			return running.Err()
		default:
		}
	}
	return nil
}

// stop ends the programs, those that use others first.
func (p *parts) stop() {
	for i := len(p.running) - 1; i >= 0; i-- {
		p.running[i].Stop(3 * time.Second)
	}
}
