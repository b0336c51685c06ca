// Package tools has the third-party programs that tests, demo and bench start:
// built from pinned Go modules, one module each in the folders beside this
// file, and kept outside the tree.
//
// A person needs Go and nothing else: Path builds what is missing.
//
//	promtool, err := tools.Path("promtool")
//
// The programs live in $HEADROOM_CACHE/tools, or headroom/tools in the user's
// cache folder, in a folder named for everything that decides what they are:
// pins, flags and Go version. A changed pin is another folder, and the old one
// goes once the new one is there. Any number of processes may build at once;
// one does, the others wait for it.
package tools

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A program is built from one package of one of the modules in this folder.
type program struct {
	name    string
	module  string // the folder, whose go.mod pins the version
	pkg     string
	goflags string
	ldflags string // $version stands for the pinned version
}

// Prometheus's service discoveries are left out: the module of one of them
// cannot be downloaded, so that every go command on it needs these tags.
const prometheusFlags = "-tags=remove_all_sd,enable_kubernetes_sd"

// Kubernetes learns its version from its own build scripts; without it nodes
// report v0.0.0.
const kubernetesVersion = "-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"

const containerdVersion = "-X github.com/containerd/containerd/v2/version.Version=$version"

// programs lists what can be had: a new one is a row here.
var programs = []program{
	{"prometheus", "prometheus", "github.com/prometheus/prometheus/cmd/prometheus", prometheusFlags, ""},
	{"promtool", "prometheus", "github.com/prometheus/prometheus/cmd/promtool", prometheusFlags, ""},
	{"alertmanager", "alertmanager", "github.com/prometheus/alertmanager/cmd/alertmanager", "", ""},
	{"amtool", "alertmanager", "github.com/prometheus/alertmanager/cmd/amtool", "", ""},
	{"node_exporter", "node_exporter", "github.com/prometheus/node_exporter", "", ""},
	{"staticcheck", "staticcheck", "honnef.co/go/tools/cmd/staticcheck", "", ""},
	{"kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", "", kubernetesVersion},
	{"kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", "", kubernetesVersion},
	{"kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", "", kubernetesVersion},
	{"kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", "", kubernetesVersion},
	{"etcd", "etcd", "go.etcd.io/etcd/server/v3", "", ""},
	{"containerd", "containerd", "github.com/containerd/containerd/v2/cmd/containerd", "-tags=no_btrfs", containerdVersion},
	{"containerd-shim-runc-v2", "containerd", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", "-tags=no_btrfs", containerdVersion},
	{"ctr", "containerd", "github.com/containerd/containerd/v2/cmd/ctr", "-tags=no_btrfs", containerdVersion},
}

// Names lists every program there is.
func Names() []string {
	names := make([]string, len(programs))
	for i, p := range programs {
		names[i] = p.name
	}
	return names
}

// Path returns the binary of the named program, which it builds first if it is
// missing, with progress on standard error.
func Path(name string) (string, error) {
	p, err := find(name)
	if err != nil {
		return "", err
	}
	return p.path(context.Background(), os.Stderr)
}

// Build makes sure of all the named programs, one after the other: a build
// keeps every core busy by itself. What it does is told on progress, in place
// where that is a terminal.
func Build(ctx context.Context, names []string, progress io.Writer) error {
	for _, name := range names {
		p, err := find(name)
		if err != nil {
			return err
		}
		if _, err := p.path(ctx, progress); err != nil {
			return err
		}
	}
	return nil
}

func find(name string) (program, error) {
	for _, p := range programs {
		if p.name == name {
			return p, nil
		}
	}
	return program{}, fmt.Errorf("unknown program %q: there are %s", name, strings.Join(Names(), ", "))
}

// path finds p in the cache or builds it into it.
func (p program) path(ctx context.Context, progress io.Writer) (string, error) {
	source, err := folder(p.module)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	cache, err := Cache()
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	key, err := p.key(ctx, source)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	binary := filepath.Join(cache, p.module+"-"+key, p.name)
	if exists(binary) {
		return binary, nil
	}
	if err := p.make(ctx, source, binary, progress); err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	return binary, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
