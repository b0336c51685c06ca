package flag

import (
	"cmp"
	"strings"
	"sync/atomic"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// Where a kubelet and a containerd are that nobody told otherwise.
const (
	defaultRootDir = "/var/lib/kubelet"
	defaultImages  = "/var/lib/containerd"
)

// dataDirs is where runtimes keep their images if nobody told them otherwise, by
// the end of the socket that the kubelet knows them by.
var dataDirs = []struct{ socket, images string }{
	{"/run/k3s/containerd/containerd.sock", "/var/lib/rancher/k3s/agent/containerd"},
	{"/run/k0s/containerd.sock", "/var/lib/k0s/containerd"},
	{"/snap/microk8s/common/run/containerd.sock", "/var/snap/microk8s/common/var/lib/containerd"},
	{"/crio/crio.sock", "/var/lib/containers"},
	{"/cri-dockerd.sock", "/var/lib/docker"},
	{"/dockershim.sock", "/var/lib/docker"},
	{"/docker.sock", "/var/lib/docker"},
}

// imagesOf returns where the runtime behind a socket keeps its images by default.
func imagesOf(endpoint string) string {
	for _, d := range dataDirs {
		if strings.HasSuffix(endpoint, d.socket) {
			return d.images
		}
	}
	return defaultImages
}

// configurations and answers are what facts come from; neither call waits.
type configurations interface {
	Configuration() (*kubelet.Configuration, error)
}

type answers interface {
	Filesystems() (runtime.Filesystems, error)
}

// facts tell a node what is known of its kubelet and its runtime. Safe for
// concurrent use.
type facts struct {
	config   *Config
	kubelet  configurations
	runtime  answers // nil where no runtime is asked
	resolved atomic.Pointer[resolved]
}

// resolved is what was made of what was known last.
type resolved struct {
	configuration *kubelet.Configuration
	answer        runtime.Filesystems // zero is unknown
	// Of the kubelet, as last told: only its command line tells them, which may
	// not be seen for a moment.
	rootDir, endpoint string
	facts             node.Facts
}

// read is called at every scrape: it makes new facts only of new knowledge. While
// the kubelet's configuration is unknown, the last one counts, however old: a
// node must not be read elsewhere because its kubelet has stopped.
func (f *facts) read() node.Facts {
	last := f.resolved.Load()
	configuration, err := f.kubelet.Configuration()
	if err != nil && last != nil {
		configuration = last.configuration
	}
	var answer runtime.Filesystems
	if f.runtime != nil {
		answer, _ = f.runtime.Filesystems() // an error is reported by itself
	}
	if last != nil && last.configuration == configuration && last.answer == answer {
		return last.facts
	}
	r := &resolved{configuration: configuration, answer: answer}
	if last != nil {
		r.rootDir, r.endpoint = last.rootDir, last.endpoint
	}
	f.resolve(r)
	f.resolved.Store(r)
	return r.facts
}

// resolve makes facts: of what was given by flag, else of what is known, else of
// defaults.
func (f *facts) resolve(r *resolved) {
	k := r.configuration
	if k == nil {
		k = &kubelet.Configuration{}
	}
	r.rootDir, r.endpoint = cmp.Or(k.RootDir, r.rootDir), cmp.Or(k.RuntimeEndpoint, r.endpoint)
	r.facts = node.Facts{Paths: f.paths(r), HugePages: k.HugePages}
	if k.Source != kubelet.Assumed { // there is no kubelet that would have made one
		r.facts.PodCgroups = k.PodCgroups
	}
}

func (f *facts) paths(r *resolved) map[headroom.Filesystem]string {
	paths := map[headroom.Filesystem]string{headroom.NodeFS: defaultRootDir}
	switch c := f.config; {
	case c.nodefs.given:
		paths[headroom.NodeFS] = c.nodefs.value
	case c.Kubelet.RootDir != "":
		paths[headroom.NodeFS] = c.Kubelet.RootDir
	case r.rootDir != "":
		paths[headroom.NodeFS] = r.rootDir
	}
	images, containers := f.images(r)
	if f.config.containerfs.given {
		containers = f.config.containerfs.value
	}
	if images != "" {
		paths[headroom.ImageFS] = images
	}
	if containers != "" {
		paths[headroom.ContainerFS] = containers
	}
	return paths
}

// images returns where images and containers are; empty is unknown: while a
// runtime that is to be asked has not answered, no default stands in for it.
func (f *facts) images(r *resolved) (images, containers string) {
	switch {
	case f.config.imagefs.given:
		images = f.config.imagefs.value
	case f.runtime == nil:
		images = imagesOf(r.endpoint)
	default:
		images, containers = r.answer.Images, r.answer.Containers
	}
	if containers == "" {
		containers = images
	}
	return images, containers
}
