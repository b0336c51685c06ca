package kubelet

import (
	"errors"
	"io/fs"
	"path"
	"strings"
)

// Where k3s looks for its options and keeps its data unless it is told otherwise.
const (
	k3sConfig  = "/etc/rancher/k3s/config.yaml"
	k3sDataDir = "/var/lib/rancher/k3s"
)

// errHidden says that k3s has options that cannot be seen.
var errHidden = errors.New("k3s hides its command line, and there was something on it: give --kubelet.url, or put its options into " + k3sConfig)

// k3sArgs makes up the command line of the kubelet that k3s runs inside of
// itself: k3s's own defaults, replaced by what --kubelet-arg says on its command
// line and in its configuration file (kubeletArgs in pkg/daemons/agent, GetArgs in
// pkg/util/args.go). rke2 starts a kubelet of its own and needs nothing of this.
func k3sArgs(p *process, v *view) ([]string, error) {
	if p.hidden {
		return nil, errHidden
	}
	options, err := readK3sOptions(p, v)
	if err != nil {
		return nil, err
	}
	defaults, err := k3sDefaults(options.dataDir, v)
	if err != nil {
		return nil, err
	}
	return overriding(defaults, options.kubeletArgs), nil
}

// k3sDefaults are the flags that matter of those that k3s gives its kubelet.
// Since 1.32 most of them are in a drop-in, before they were flags.
func k3sDefaults(dataDir string, v *view) ([]string, error) {
	dropins := path.Join(dataDir, "agent/etc/kubelet.conf.d")
	_, err := v.kind(dropins)
	switch {
	case err == nil:
		return []string{"--config-dir=" + dropins}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return []string{
		"--eviction-hard=imagefs.available<5%,nodefs.available<5%",
		"--eviction-minimum-reclaim=imagefs.available=10%,nodefs.available=10%",
		"--container-runtime-endpoint=unix:///run/k3s/containerd/containerd.sock",
	}, nil
}

// overriding puts more behind the defaults, without those that it replaces. A
// plus sign behind a name keeps the default: --kubelet-arg=eviction-hard+=…
// A configuration file or folder among them is copied to the drop-ins by k3s.
func overriding(defaults, more []string) []string {
	replaced := map[string]bool{}
	var added []string
	for _, arg := range more {
		name, value, given := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !given {
			value = "true"
		}
		bare := strings.TrimRight(name, "+-")
		if bare == "config" || bare == "config-dir" {
			continue
		}
		replaced[bare] = replaced[bare] || bare == name
		added = append(added, "--"+bare+"="+value)
	}
	var kept []string
	for _, arg := range defaults {
		if name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "="); !replaced[name] {
			kept = append(kept, arg)
		}
	}
	return append(kept, added...)
}
