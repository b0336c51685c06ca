// Command headroom-remediator receives Alertmanager's webhooks and makes room
// on the node it runs on.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/nodeheadroom/headroom/remediator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(remediator.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
