// Package flag has the flags by which both programs are told where a node and
// its kubelet's thresholds are, so that they are spelled and checked alike.
package flag

import (
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// A Config is what the flags say, once they are parsed.
type Config struct {
	Host                         node.Host
	NodeFS, ImageFS, ContainerFS string // paths; ContainerFS is "" unless it was given
	Timeout                      time.Duration
	Kubelet                      kubelet.Options
	Interval                     time.Duration // of reading the kubelet's configuration
}

// AddFlags adds the flags to an application. What it returns is filled in when
// the application parses.
func AddFlags(app *kingpin.Application) *Config {
	c := &Config{}
	app.Flag("path.procfs", "Where the host's procfs is mounted.").Default("/proc").StringVar(&c.Host.Proc)
	app.Flag("path.cgroup", "Where the root of the host's cgroup hierarchy is mounted.").Default("/sys/fs/cgroup").StringVar(&c.Host.Cgroup)
	app.Flag("path.nodefs", "A path on the filesystem that holds the kubelet's root directory.").Default("/var/lib/kubelet").StringVar(&c.NodeFS)
	app.Flag("path.imagefs", "A path on the filesystem that holds the container runtime's images.").Default("/var/lib/containerd").StringVar(&c.ImageFS)
	app.Flag("path.containerfs", "A path on the filesystem that holds containers' writable layers. As --path.imagefs unless given.").StringVar(&c.ContainerFS)
	app.Flag("path.timeout", "How long to wait for each filesystem.").Default("500ms").DurationVar(&c.Timeout)

	app.Flag("kubelet.url", "The kubelet to ask for its thresholds, such as https://127.0.0.1:10250.").StringVar(&c.Kubelet.URL)
	app.Flag("kubelet.token-file", "A file with the bearer token to ask with.").StringVar(&c.Kubelet.TokenFile)
	app.Flag("kubelet.ca-file", "A file with the CA of the kubelet's certificate.").StringVar(&c.Kubelet.CAFile)
	app.Flag("kubelet.cert-file", "A file with the client certificate to ask with.").StringVar(&c.Kubelet.CertFile)
	app.Flag("kubelet.key-file", "A file with the client certificate's key.").StringVar(&c.Kubelet.KeyFile)
	app.Flag("kubelet.insecure-skip-verify", "Take any certificate for the kubelet's.").BoolVar(&c.Kubelet.InsecureSkipVerify)
	app.Flag("kubelet.config", "The KubeletConfiguration file that the kubelet here runs with; used without --kubelet.url.").StringVar(&c.Kubelet.ConfigFile)
	app.Flag("kubelet.assume", "A KubeletConfiguration file to assume where there is no kubelet.").StringVar(&c.Kubelet.AssumeFile)
	app.Flag("kubelet.interval", "How often to read the thresholds' source again.").Default("30s").DurationVar(&c.Interval)
	return c
}

// maxInterval leaves a source several tries before what it said last expires.
const maxInterval = kubelet.Keep / 3

// Check returns an error that names the first flag whose value cannot be meant.
func (c *Config) Check() error {
	for _, path := range []struct{ flag, value string }{
		{"procfs", c.Host.Proc}, {"cgroup", c.Host.Cgroup}, {"nodefs", c.NodeFS}, {"imagefs", c.ImageFS},
	} {
		if path.value == "" {
			return fmt.Errorf("--path.%s: is empty", path.flag)
		}
	}
	switch {
	case c.Timeout <= 0:
		return fmt.Errorf("--path.timeout: %s is not above 0", c.Timeout)
	case c.Interval < time.Second || c.Interval > maxInterval:
		return fmt.Errorf("--kubelet.interval: %s is not between 1s and %s", c.Interval, maxInterval)
	}
	return nil
}

// Node returns the node that the flags describe.
func (c *Config) Node() *node.Node {
	containerfs := c.ContainerFS
	if containerfs == "" {
		containerfs = c.ImageFS
	}
	return node.New(node.Config{
		Host: c.Host,
		Facts: node.Fixed(map[headroom.Filesystem]string{
			headroom.NodeFS:      c.NodeFS,
			headroom.ImageFS:     c.ImageFS,
			headroom.ContainerFS: containerfs,
		}),
		Timeout: c.Timeout,
	})
}
