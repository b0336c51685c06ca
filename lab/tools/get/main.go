// Command get makes sure of the named third-party programs, all of them when
// none is named, and prints where each is.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/nodeheadroom/headroom/lab/tools"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "get:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	if len(names) == 0 {
		names = tools.Names()
	}
	if err := tools.Build(ctx, names, os.Stderr); err != nil {
		return err
	}
	for _, name := range names {
		path, err := tools.Path(name)
		if err != nil {
			return err
		}
		fmt.Println(path)
	}
	return nil
}
