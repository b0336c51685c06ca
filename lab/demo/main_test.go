package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/nodeheadroom/headroom/lab/stage"
)

// rehearsal, set to a name, has this binary rehearse in place of testing.
const rehearsal = "HEADROOM_REHEARSAL"

// whole, set to a name, has it be the demo itself.
const whole = "HEADROOM_WHOLE"

// TestMain lets the test binary play the demo's roles.
func TestMain(m *testing.M) {
	name := os.Getenv(rehearsal)
	switch {
	case len(os.Args) > 1 && roles[os.Args[1]] != nil, os.Getenv(whole) != "":
		main()
	case name != "" && !stage.Inside():
		os.Exit(stage.Enter(os.Stderr))
	case name != "":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		if err := rehearse(ctx, name); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// rehearse plays with disk, kubelet configuration, writers and filler, and none
// of the programs. It truncates the log that may be truncated, waits to be told
// to stop, and proves.
func rehearse(ctx context.Context, name string) error {
	place, err := stage.Open(os.Args[0])
	if err != nil {
		return err
	}
	disk, err := place.Disk(name, diskSize/4)
	if err != nil {
		return err
	}
	n, err := newNode(ctx, disk)
	if err != nil {
		return err
	}
	if err := n.settle(ctx); err != nil {
		return err
	}
	space, err := disk.Space()
	if err != nil {
		return err
	}
	available := float64(space.Available) / float64(space.Capacity)
	fmt.Println(disk.Type, available > atFirst-0.005 && available < atFirst+0.005)
	if err := os.Truncate(n.log("cart"), 0); err != nil {
		return err
	}
	fmt.Println("waiting")
	<-ctx.Done()
	proof, err := n.prove()
	fmt.Println("lost nothing:", proof.holdsAll(), proof.bytes > 0)
	return err
}
