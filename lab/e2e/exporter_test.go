//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/process"
)

// program builds headroom-exporter, once, and returns its path.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "headroom-exporter")
	out, err := exec.Command("go", "build", "-C", "../..", "-o", path, "./cmd/headroom-exporter").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build headroom-exporter: %w\n%s", err, out)
	}
	return path, nil
})

// An exporter is a running headroom-exporter.
type exporter struct {
	url     string
	process *process.Process
}

// startExporter starts headroom-exporter for the length of a test. It looks at
// its node with the flags that a node has for it, and those given behind them.
func startExporter(t *testing.T, n *cluster.Node, flags ...string) *exporter {
	t.Helper()
	return launch(t, process.Options{
		Path: exporterPath(t),
		Args: slices.Concat([]string{"--web.listen-address=127.0.0.1:0", "--kubelet.interval=1s"}, flagsFor(n), flags),
	})
}

// flagsFor are the flags of an exporter, outside, that looks at a node: there are
// several kubelets on this machine.
func flagsFor(n *cluster.Node) []string {
	return append(n.ExporterFlags(), "--kubelet.root-dir="+n.RootDir())
}

// startInside starts headroom-exporter inside a node, with nothing but the flags
// given and where to listen.
func startInside(t *testing.T, n *cluster.Node, flags ...string) *exporter {
	t.Helper()
	flags = append([]string{"--web.listen-address=" + n.Address + ":0", "--kubelet.interval=1s"}, flags...)
	cmd, err := n.Command(context.Background(), exporterPath(t), flags...)
	if err != nil {
		t.Fatal(err)
	}
	return launch(t, process.Options{Path: cmd.Path, Args: cmd.Args[1:], Env: cmd.Env})
}

func exporterPath(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func launch(t *testing.T, o process.Options) *exporter {
	t.Helper()
	o.Name = "headroom-exporter"
	// Written by the process's own goroutine, read when that is gone.
	var log []string
	o.Line = func(line string) { log = append(log, line) }
	p, err := process.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(10 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("headroom-exporter %s\n%s", strings.Join(o.Args, " "), strings.Join(log, "\n"))
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Patience)
	defer cancel()
	address, err := p.Address(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &exporter{"http://" + address + "/metrics", p}
}

// scrape asks for all metrics.
func (e *exporter) scrape(ctx context.Context) (samples, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	return decode(answer.Body, answer.Header)
}

// await scrapes until met finds nothing missing, and returns what it was shown
// last.
func (e *exporter) await(t *testing.T, what string, met func(samples) error) samples {
	t.Helper()
	var last samples
	err := cluster.Wait(t.Context(), "headroom-exporter to show "+what, func(ctx context.Context) (err error) {
		if last, err = e.scrape(ctx); err != nil {
			return err
		}
		return met(last)
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}
