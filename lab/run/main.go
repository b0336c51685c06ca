// Command run runs both programs on this machine as it is: dry run, on loopback,
// with a journal of their own that goes when they do. It prints what to put into
// a Prometheus and an Alertmanager configuration to try them.
//
// Run it with make run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	root, err := os.Getwd()
	if err == nil {
		err = run(ctx, root, "/", os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// run starts both from root/bin, for the machine whose root folder is host, says
// where they are, and stops them when ctx ends.
func run(ctx context.Context, root, host string, stdout, stderr io.Writer) (err error) {
	state, err := os.MkdirTemp("", "headroom-run-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	m, err := look(host, state)
	if err != nil {
		return err
	}
	exporter, at, err := start(ctx, stderr, root, "headroom-exporter", append(m.flags(), "--web.listen-address="+free("127.0.0.1:10910"))...)
	if err != nil {
		return err
	}
	defer exporter.Stop(5 * time.Second)
	remediator, to, err := start(ctx, stderr, root, "headroom-remediator", append(m.flags(),
		"--web.listen-address="+free("127.0.0.1:10911"),
		"--node.name="+m.name,
		"--policy.file="+filepath.Join(root, "deploy", "policy.yaml"),
		"--path.logs="+m.logs,
		"--journal.file="+filepath.Join(state, "journal"),
		"--journal.fallback="+filepath.Join(state, "journal.fallback"),
		"--control.socket="+filepath.Join(state, "remediator.sock"))...)
	if err != nil {
		return err
	}
	defer remediator.Stop(5 * time.Second)
	fmt.Fprint(stdout, m.explain(root, at, to, state))
	select {
	case <-ctx.Done():
		fmt.Fprintln(stdout, "\nstopped; nothing is left behind")
		return nil
	case <-exporter.Done():
		return exporter.Err()
	case <-remediator.Done():
		return remediator.Err()
	}
}

// start starts one of our programs and waits until it listens.
func start(ctx context.Context, stderr io.Writer, root, name string, args ...string) (*process.Process, string, error) {
	p, err := process.Start(process.Options{
		Name: name, Path: filepath.Join(root, "bin", name), Args: args,
		Line: func(line string) { fmt.Fprintf(stderr, "%s: %s\n", name, line) },
	})
	if err != nil {
		return nil, "", fmt.Errorf("%w (make build builds it)", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	address, err := p.Address(ctx)
	if err != nil {
		p.Stop(time.Second)
		return nil, "", err
	}
	return p, address, nil
}

// free returns the usual address, or any port if somebody listens there already.
func free(usual string) string {
	l, err := net.Listen("tcp", usual)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return usual
}
