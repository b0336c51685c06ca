package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/process"
)

// journal is a service of the node that logs and logs, to a journald that was told
// to keep nearly all of the disk: by default it takes a tenth and leaves 15 % free.
// It is Debian's own, running inside the node without the rest of systemd.
var journal = fill{
	name:       "journal",
	title:      "the journal",
	disk:       nodefs,
	unit:       inBytes,
	conditions: "journald's SystemMaxUse=900M, SystemKeepFree=1M",
	prepare:    startJournal,
	run:        pourJournal,
	lost:       lostJournal,
}

// journald is where Debian has it.
const journald = "/lib/systemd/systemd-journald"

// journalSetup lets journald write to /var/log/journal at once: without the rest of
// systemd nobody tells it that /var is there. The kernel's and the audit messages
// are the machine's, not the node's.
const journalSetup = `set -e
mkdir -p /run/systemd/journald.conf.d /run/systemd/journal
: > /run/systemd/journal/flushed
cat > /run/systemd/journald.conf.d/node.conf <<end
[Journal]
Storage=persistent
SystemMaxUse=900M
SystemKeepFree=1M
SystemMaxFileSize=32M
RateLimitIntervalSec=0
ForwardToSyslog=no
ReadKMsg=no
Audit=no
end`

func startJournal(ctx context.Context, s *stand) error {
	if err := s.bind(ctx, "journal", "/var/log/journal"); err != nil {
		return err
	}
	if err := s.inside(ctx, "sh", "-c", journalSetup); err != nil {
		return err
	}
	p, err := s.daemon(ctx, journald)
	if err != nil {
		return err
	}
	s.running = append(s.running, p)
	return cluster.Wait(ctx, "journald", func(ctx context.Context) error {
		return s.inside(ctx, "test", "-S", "/run/systemd/journal/stdout")
	})
}

// daemon starts a program inside the node.
func (s *stand) daemon(ctx context.Context, path string, args ...string) (*process.Process, error) {
	cmd, err := s.node.Command(context.WithoutCancel(ctx), path, args...)
	if err != nil {
		return nil, err
	}
	return process.Start(process.Options{Name: filepath.Base(path), Path: cmd.Path, Args: cmd.Args[1:], Env: cmd.Env})
}

// pourJournal runs the worker as a service whose output is journald's.
func pourJournal(ctx context.Context, s *stand, o order) error {
	worker, err := s.lab.cluster.Worker(ctx)
	if err != nil {
		return err
	}
	amount := float64(o.amount) / journalKept
	p, err := s.daemon(ctx, "systemd-cat", "-t", service, worker, "log",
		fmt.Sprint(int64(amount)), fmt.Sprint(int64(amount/o.lasts.Seconds())), fmt.Sprint(lineBytes))
	if err != nil {
		return err
	}
	defer p.Stop(time.Second) // a worker that is asked to end has not ended well
	return o.over(ctx)
}

const (
	service = "runaway" // its name in the journal
	// journalKept is what the journal makes of a byte of letters at random, which
	// it compresses.
	journalKept = 0.8
)

// lostJournal counts what the journal still has of the service's lines, which are
// numbered, with systemd's own reader.
func lostJournal(ctx context.Context, s *stand) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	folder := filepath.Join(filepath.Dir(s.node.RootDir()), "journal")
	cmd, err := s.node.Command(ctx, "journalctl", "--quiet", "--directory="+folder, "--identifier="+service, "--output=cat", "--no-pager")
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	there, last := make(map[int]bool), -1
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		number, _, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		if n, err := strconv.Atoi(string(number)); err == nil && len(number) == 12 {
			there[n], last = true, max(last, n)
		}
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("journalctl: %w", err)
	}
	if last < 0 {
		return 0, fmt.Errorf("journalctl: nothing of %s is in %s", service, folder)
	}
	return int64(last+1-len(there)) * lineBytes, lines.Err()
}
