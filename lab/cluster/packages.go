package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nodeheadroom/headroom/lab/disk"
)

// cni is where Debian puts the plug-ins; upstream's packages use the other.
var cni = []string{"/usr/lib/cni", "/opt/cni/bin"}

// needs are the programs that a lab takes from the distribution, and Debian's
// packages of them.
var needs = []struct{ program, pkg string }{
	{"runc", "runc"},
	{"ip", "iproute2"},
	{"mkfs.ext4", "e2fsprogs"},
	{"mkfs.xfs", "xfsprogs"},
	{"nsenter", "util-linux"},
	{"mount", "mount"},
}

// Lacks lists what a lab cannot do without here: packages of Debian by name, and
// rights in words.
func Lacks() []string {
	var lacks []string
	if os.Geteuid() != 0 {
		lacks = append(lacks, "root (a node mounts, makes cgroups and networks)")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		lacks = append(lacks, "loop devices (modprobe loop)")
	}
	return append(lacks, packages()...)
}

// packages lists the Debian packages that are missing.
func packages() []string {
	var missing []string
	for _, need := range needs {
		if _, err := exec.LookPath(disk.Program(need.program)); err != nil {
			missing = append(missing, need.pkg)
		}
	}
	if plugins() == "" {
		missing = append(missing, "containernetworking-plugins")
	}
	return missing
}

// plugins is the folder with the CNI plug-ins, or "".
func plugins() string {
	for _, dir := range cni {
		if _, err := os.Stat(filepath.Join(dir, "ptp")); err == nil {
			return dir
		}
	}
	return ""
}

// Install installs Debian's packages that are missing, where this is root and
// there is apt-get; else it says which to install.
func Install(ctx context.Context, progress io.Writer) error {
	missing := packages()
	if len(missing) == 0 {
		return nil
	}
	_, err := exec.LookPath("apt-get")
	if os.Geteuid() != 0 || err != nil {
		return fmt.Errorf("the lab needs programs that are not here: install (as Debian names them) %s", strings.Join(missing, " "))
	}
	fmt.Fprintf(progress, "installing %s\n", strings.Join(missing, " "))
	install := func() ([]byte, error) {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"install", "-y", "--no-install-recommends"}, missing...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		return cmd.CombinedOutput()
	}
	if _, err := install(); err == nil {
		return nil
	}
	if out, err := exec.CommandContext(ctx, "apt-get", "update").CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get update: %w\n%s", err, out)
	}
	if out, err := install(); err != nil {
		return fmt.Errorf("apt-get install %s: %w\n%s", strings.Join(missing, " "), err, out)
	}
	return nil
}
