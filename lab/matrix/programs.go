package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/prometheus"
	"github.com/nodeheadroom/headroom/lab/relocate"
)

// differs is all in which what is played differs from what is shipped. The rules,
// intervals, routes and the policy are the shipped files.
const differs = `addresses, and the node's name, in prometheus.yml and alertmanager.yml;
kubelets' pressure transition period 30 s instead of 5 min;
ballast, which takes a quarter of an hour, is set aside by starting the remediator again and again;
of each fill what makes it possible, as the table's notes say`

// remediatorPort is where a node's remediator listens, on the node's own address.
const remediatorPort = "10911"

func (s *stand) remediatorAddress() string { return s.node.Address + ":" + remediatorPort }

// token is the file that both Alertmanager and the remediator read.
func (s *stand) token() string { return filepath.Join(s.dir, "headroom-token") }

// startRemediator starts it inside the node, where /var and /run are the node's
// own: what it keeps by default in /var/lib/headroom lies on nodefs, as on a
// machine whose /var is there. What it sets aside in quiet times a node has had for
// long: it does so a little a minute, and when it starts, and so is started until
// there is no more to come.
func (s *stand) startRemediator(ctx context.Context) error {
	if err := s.bind(ctx, "headroom", "/var/lib/headroom"); err != nil {
		return err
	}
	for before, tries := (ballast{}), 0; ; tries++ {
		if tries > mostStarts {
			return fmt.Errorf("after %d starts the remediator sets aside still more: %+v", tries, before)
		}
		p, err := s.remediator(ctx)
		if err != nil {
			return err
		}
		now, err := s.setAside(ctx)
		if err != nil || now == before {
			return err
		}
		before = now
		if err := p.Stop(10 * time.Second); err != nil {
			return err
		}
		s.running = s.running[:len(s.running)-1]
	}
}

// mostStarts is more than it takes: a piece a start, or a hundred inodes.
const mostStarts = 40

func (s *stand) remediator(ctx context.Context) (*process.Process, error) {
	cmd, err := s.node.Command(context.WithoutCancel(ctx), s.lab.remediator, append(s.remediatorFlags(), "--no-dry-run",
		"--web.listen-address="+s.remediatorAddress(), "--webhook.token-file="+s.token())...)
	if err != nil {
		return nil, err
	}
	_, err = s.start(ctx, "headroom-remediator", process.Options{Path: cmd.Path, Args: cmd.Args[1:], Env: cmd.Env})
	if err != nil {
		return nil, err
	}
	return s.running[len(s.running)-1], nil
}

// remediatorFlags say which node it is and what is done there.
func (s *stand) remediatorFlags() []string {
	return append(s.node.Flags(s.lab.token),
		"--node.name="+s.node.Name,
		"--path.logs="+s.node.PodLogs(),
		"--runtime.endpoint=unix://"+s.node.Socket(),
		"--policy.file="+filepath.Join(s.lab.root, "deploy", "policy.yaml"))
}

// bind makes a folder of the node's a folder on nodefs.
func (s *stand) bind(ctx context.Context, name, at string) error {
	from := filepath.Join(filepath.Dir(s.node.RootDir()), name)
	if err := os.MkdirAll(from, 0o755); err != nil {
		return err
	}
	for _, words := range [][]string{{"mkdir", "-p", at}, {"mount", "--bind", from, at}} {
		if err := s.inside(ctx, words...); err != nil {
			return err
		}
	}
	return nil
}

// inside runs a command inside the node.
func (s *stand) inside(ctx context.Context, words ...string) error {
	cmd, err := s.node.Command(ctx, words[0], words[1:]...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v in node %s: %w %s", words, s.node.Name, err, out)
	}
	return nil
}

// ballast is what has been set aside.
type ballast struct{ bytes, files int64 }

// setAside returns what there is of it when nothing has come for a while.
func (s *stand) setAside(ctx context.Context) (now ballast, err error) {
	folder := filepath.Join(filepath.Dir(s.node.RootDir()), "headroom", "ballast")
	for since := time.Now(); time.Since(since) < still; {
		was := now
		if now, err = contentsOf(folder); err != nil {
			return now, err
		}
		if now != was {
			since = time.Now()
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return now, err
		}
	}
	return now, nil
}

// still is longer than a remediator that has started waits between two steps.
const still = 2 * time.Second

// contentsOf is what a folder and all in it takes; nothing if it does not exist.
func contentsOf(folder string) (all ballast, err error) {
	err = filepath.Walk(folder, func(_ string, info os.FileInfo, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		all.bytes += allocated(info)
		all.files++
		return nil
	})
	return all, err
}

// startOthers starts what watches and alerts, with the shipped configuration.
func (s *stand) startOthers(ctx context.Context) error {
	listen := "--web.listen-address=127.0.0.1:0"
	exporter, err := s.start(ctx, "headroom-exporter", process.Options{Path: s.lab.exporter, Args: append(s.node.ExporterFlags(), listen)})
	if err != nil {
		return err
	}
	names := relocate.Map{relocate.Exporter: exporter, relocate.Remediator: s.remediatorAddress(), relocate.Node: s.node.Name}
	if err := names.Place(s.lab.root, s.dir, "deploy/alertmanager/alertmanager.yml"); err != nil {
		return err
	}
	names[relocate.Alertmanager], err = s.start(ctx, "alertmanager", process.Options{Path: s.lab.alertmanager, Args: []string{
		listen, "--cluster.listen-address=", "--config.file=" + filepath.Join(s.dir, "alertmanager.yml"), "--storage.path=" + filepath.Join(s.dir, "alertmanager")}})
	if err != nil {
		return err
	}
	if err := names.Place(s.lab.root, s.dir, "deploy/prometheus/prometheus.yml", "rules/*.yaml"); err != nil {
		return err
	}
	address, err := s.start(ctx, "prometheus", process.Options{Path: s.lab.prometheus, Args: []string{
		listen, "--config.file=" + filepath.Join(s.dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(s.dir, "prometheus")}})
	s.prometheus = prometheus.Server(address)
	return err
}

// start starts a program and waits until it listens.
func (s *stand) start(ctx context.Context, name string, o process.Options) (address string, err error) {
	o.Name, o.Dir = name, s.dir
	p, err := process.Start(o)
	if err != nil {
		return "", err
	}
	s.running = append(s.running, p)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return p.Address(ctx)
}

// died is what any of the programs has ended with.
func (s *stand) died() error {
	for _, p := range s.running {
		select {
		case <-p.Done():
			return p.Err()
		default:
		}
	}
	return nil
}
