// Package debian installs what the lab takes from the distribution.
package debian

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/nodeheadroom/headroom/lab/disk"
)

// Missing lists, in the order of their names, the packages of the programs that
// are not here: needs maps programs to packages.
func Missing(needs map[string]string) []string {
	var missing []string
	for program, name := range needs {
		if _, err := exec.LookPath(disk.Program(program)); err != nil {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

// Install installs packages, where this is root and there is apt-get; else its
// error says which to install. Progress is told what it does, if it does anything.
func Install(ctx context.Context, progress io.Writer, packages []string) error {
	if len(packages) == 0 {
		return nil
	}
	names := strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("the lab needs programs that are not here: install (as Debian names them) %s", names)
	}
	fmt.Fprintf(progress, "installing %s\n", names)
	install := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
	if apt(ctx, install...) == nil {
		return nil
	}
	if err := apt(ctx, "update"); err != nil { // the lists may be old, or not there
		return err
	}
	return apt(ctx, install...)
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
