// Command dying is headroom-remediator, but that it kills itself at the step of a
// remedy that HEADROOM_TEST_DIE_AT names, and ends at one that no remedy lists. Tests
// build it.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/nodeheadroom/headroom/remediator"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

func main() {
	step := os.Getenv("HEADROOM_TEST_DIE_AT")
	program := remediator.Program{Step: func(name string) {
		if !slices.ContainsFunc(remedy.All, func(r remedy.Remedy) bool { return slices.Contains(r.Steps(), name) }) {
			fmt.Fprintf(os.Stderr, "%q is a step and in no remedy's Steps\n", name)
			os.Exit(1)
		}
		if name == step {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it has arrived
		}
	}}
	os.Exit(program.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
