// Command demo shows Headroom's main job in the terminal: a small real disk fills
// up, Prometheus fires the shipped rule, Alertmanager delivers it, the remediator
// makes room before the kubelet would evict, and the alert resolves.
//
// Run it with make demo. It ends with 0 only if every moment happened.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nodeheadroom/headroom/lab/stage"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// limit is how long everything may take.
const limit = 175 * time.Second

// errIncomplete begins the list of what did not happen.
var errIncomplete = errors.New("not everything happened that must")

// errSlow is why a wait for a program ended.
var errSlow = errors.New("it took longer than it ever should")

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			os.Exit(play(role))
		}
	}
	keep := flag.Bool("keep", false, "leave everything running at the end, until ^C")
	flag.Parse()
	if !stage.Inside() {
		os.Exit(stage.Enter(os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(code(ctx, run(ctx, os.Stdout, *keep)))
}

func play(role func(context.Context, []string, io.Writer) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// Remedies name a writer by this. Without it all would be called alike.
	os.WriteFile("/proc/self/comm", []byte(os.Args[1]+" writer"), 0)
	if err := role(ctx, os.Args[2:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// code is 0 if everything happened, also where somebody then stopped what they
// had asked to keep; 130 if somebody stopped the show.
func code(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && !errors.Is(err, errIncomplete):
		fmt.Println("stopped; nothing is left behind")
		return 130
	}
	fmt.Fprintln(os.Stderr, "demo:", err)
	return 1
}

// locate finds the programs: ours in bin, built by make, the others in the
// cache.
func locate(root string) (b binaries, err error) {
	b.exporter = filepath.Join(root, "bin", "headroom-exporter")
	b.remediator = filepath.Join(root, "bin", "headroom-remediator")
	for _, path := range []string{b.exporter, b.remediator} {
		if _, err := os.Stat(path); err != nil {
			return b, fmt.Errorf("%w: run make build, in the root of the repository", err)
		}
	}
	if b.prometheus, err = tools.Path("prometheus"); err != nil {
		return b, err
	}
	b.alertmanager, err = tools.Path("alertmanager")
	return b, err
}

// run plays it, on the stage.
func run(ctx context.Context, out io.Writer, keep bool) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	b, err := locate(root)
	if err != nil {
		return err
	}
	place, err := stage.Open(root, b.prometheus, b.alertmanager)
	if err != nil {
		return err
	}
	s := &show{out: out, keep: keep, pid: place.PID, parts: &parts{binaries: b, root: root, dir: filepath.Join(place.Dir, "state")}}
	defer s.parts.stop()
	if err := os.Mkdir(s.parts.dir, 0o755); err != nil {
		return err
	}
	disk, err := place.Disk("disk", diskSize)
	if err != nil {
		return err
	}
	return s.play(ctx, disk)
}
