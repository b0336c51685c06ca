// Headroom-exporter publishes how far the node it runs on is from kubelet
// eviction; check says it in the terminal.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/nodeheadroom/headroom/exporter"
)

func main() {
	// A scrape is a few short system calls in a row: spread over processors, a
	// third of its time goes into waking them. A call that hangs gives its
	// processor back, so that one suffices.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := exporter.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if _, said := err.(exporter.Verdict); err != nil && !said {
		fmt.Fprintln(os.Stderr, "headroom-exporter:", err)
	}
	os.Exit(exporter.Status(err))
}
