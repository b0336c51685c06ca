// Command dying is headroom-remediator, but that it kills itself at the step of a
// remedy that HEADROOM_TEST_DIE_AT names. Tests build it.
package main

import (
	"context"
	"os"
	"syscall"

	"github.com/nodeheadroom/headroom/remediator"
)

func main() {
	step := os.Getenv("HEADROOM_TEST_DIE_AT")
	program := remediator.Program{Step: func(name string) {
		if name == step {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it has arrived
		}
	}}
	os.Exit(program.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
