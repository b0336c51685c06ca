// Command bench measures Headroom beside what it is measured against, on this
// machine, in one run, and holds the ratios against the budgets that its
// parts state.
//
// Run it with make bench, or a part of it with bin/bench PART. It prints one table,
// in Markdown, and ends with 0 if everything could be measured, whether or not a
// budget was met. The part called whole takes ten minutes and runs only by its name.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/stage"
	"github.com/nodeheadroom/headroom/lab/tools"
)

func main() {
	if filepath.Base(os.Args[0]) == kubeletName {
		fmt.Fprintln(os.Stderr, "kubelet:", beKubelet(os.Args[1:], os.Stderr))
		os.Exit(1)
	}
	if len(os.Args) == 2 && os.Args[1] == imagesRole {
		os.Exit(cluster.Main(func() int {
			if err := beImages(os.Stdout); err != nil {
				fmt.Fprintln(os.Stderr, "images:", err)
				return 1
			}
			return 0
		}))
	}
	if !stage.Inside() {
		os.Exit(withPodsCgroup(func() int { return stage.Enter(os.Stderr) }))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A bench is one run: where everything is, and what it has found.
type bench struct {
	root     string // of the repository
	dir      string // in memory, gone at the end
	scratch  string // on a disk, removed at the end
	stage    *stage.Stage
	progress io.Writer
	table
	running []*process.Process // by the part under way
}

func run(ctx context.Context, only []string, out, progress io.Writer) (err error) {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	cache, err := tools.Cache()
	if err != nil {
		return err
	}
	place, err := stage.Open(root, cache)
	if err != nil {
		return err
	}
	// A journal in memory would cost nothing: it has to be on a disk.
	scratch, err := os.MkdirTemp(filepath.Dir(cache), "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	b := &bench{root: root, dir: filepath.Join(place.Dir, "state"), scratch: scratch, stage: place, progress: progress}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(b.assumed(), []byte(kubeletConfiguration), 0o644); err != nil {
		return err
	}
	if err := b.measure(ctx, only); err != nil {
		return err
	}
	b.table.print(out, machine())
	return nil
}

// measure measures the named parts, or all but the long one.
func (b *bench) measure(ctx context.Context, only []string) error {
	parts := []struct {
		name    string
		measure func(context.Context) error
		long    bool
	}{
		{"scrapes", b.scrapes, false},
		{"hung", b.hung, false},
		{"webhook", b.webhook, false},
		{"freed", b.firstFreed, false},
		{"reclaim", b.reclaim, false},
		{"images", b.images, false},
		{"whole", b.whole, true},
	}
	measured := 0
	for _, part := range parts {
		if len(only) == 0 && part.long || len(only) > 0 && !slices.Contains(only, part.name) {
			continue
		}
		measured++
		began := time.Now()
		fmt.Fprintf(b.progress, "measuring %s …\n", part.name)
		err := part.measure(ctx)
		b.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(b.progress, "measured %s in %.0f s\n", part.name, time.Since(began).Seconds())
	}
	if measured == 0 {
		return fmt.Errorf("%q: the parts are scrapes, hung, webhook, freed, reclaim, images and whole", only)
	}
	return nil
}

// start starts a program that runs until the part under way is over.
func (b *bench) start(o process.Options) (*process.Process, error) {
	p, err := process.Start(o)
	if err == nil {
		b.running = append(b.running, p)
	}
	return p, err
}

// stop ends what start has started, the last one first.
func (b *bench) stop() {
	for _, p := range slices.Backward(b.running) {
		p.Stop(time.Second)
	}
	b.running = nil
}

func (b *bench) assumed() string           { return filepath.Join(b.dir, "kubelet.yaml") }
func (b *bench) binary(name string) string { return filepath.Join(b.root, "bin", name) }

// kubeletConfiguration has the kubelet's own defaults: all that it does not say.
const kubeletConfiguration = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
`
