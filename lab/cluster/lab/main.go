// Command lab starts a real control plane and real nodes on this machine, for a
// person to play with, and takes everything down again.
//
//	lab build   makes sure of all the programs it needs
//	lab up      starts a lab, or says where the running one is
//	lab status  what runs, the nodes' conditions and pods
//	lab watch   prints what changes, until ^C
//	lab down    removes everything
//
// make lab, make lab-up and make lab-down run it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// a command does one thing with the lab that options describe.
var commands = map[string]func(context.Context, options, io.Writer) error{
	"build": build, "up": up, "status": status, "watch": watch, "down": down,
}

type options struct {
	dir    string
	layout string
	nodes  int
	size   int64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", folder(), "the `folder` for all state, which up makes and down removes; HEADROOM_LAB_DIR sets the default")
	flags.StringVar(&o.layout, "layout", "two", "up: the nodes' disks: one, two (nodefs and imagefs apart) or xfs (one disk)")
	flags.IntVar(&o.nodes, "nodes", 1, "up: how many nodes")
	flags.Int64Var(&o.size, "mib", 2048, "up: the size of each disk in `MiB`")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: lab build|up|status|watch|down [flags]")
		flags.PrintDefaults()
	}
	if len(args) == 0 {
		flags.Usage()
		return fmt.Errorf("which of build, up, status, watch, down?")
	}
	command, ok := commands[args[0]]
	if !ok {
		flags.Usage()
		return fmt.Errorf("%q: not one of build, up, status, watch, down", args[0])
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	return command(ctx, o, out)
}

// folder is on a disk, survives a reboot, so that what it left can be removed,
// and is nothing that a node has of its own.
func folder() string {
	if dir := os.Getenv("HEADROOM_LAB_DIR"); dir != "" {
		return dir
	}
	return "/var/tmp/headroom-lab"
}

func build(ctx context.Context, _ options, out io.Writer) error {
	if err := cluster.Install(ctx, os.Stderr); err != nil {
		return err
	}
	if err := tools.Build(ctx, cluster.Programs, os.Stderr); err != nil {
		return err
	}
	fmt.Fprintln(out, "the lab has all it needs")
	return nil
}

func down(ctx context.Context, o options, out io.Writer) error {
	unlock, err := lock(ctx, o.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := cluster.Down(ctx, o.dir); err != nil {
		return err
	}
	fmt.Fprintf(out, "nothing of a lab is left in %s\n", o.dir)
	return nil
}
