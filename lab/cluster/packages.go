package cluster

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/nodeheadroom/headroom/lab/debian"
)

// cni is where Debian puts the plug-ins; upstream's packages use the other.
var cni = []string{"/usr/lib/cni", "/opt/cni/bin"}

// needs are the programs that a lab takes from the distribution, and Debian's
// packages of them.
var needs = map[string]string{
	"runc":      "runc",
	"ip":        "iproute2",
	"mkfs.ext4": "e2fsprogs",
	"mkfs.xfs":  "xfsprogs",
	"nsenter":   "util-linux",
	"mount":     "mount",
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
	missing := debian.Missing(needs)
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
	return debian.Install(ctx, progress, packages())
}
