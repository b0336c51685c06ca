// Package flag has the flags by which both programs are told where a node, its
// kubelet and its container runtime are, so that they are spelled, checked and
// followed alike.
package flag

import (
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// A Config is what the flags say, once they are parsed.
type Config struct {
	Host     node.Host
	Timeout  time.Duration // of each reader
	Kubelet  kubelet.Options
	Interval time.Duration // of reading the kubelet's configuration

	nodefs, imagefs, containerfs path
	process                      bool   // look for the running kubelet
	runtime                      string // the container runtime's socket, empty for not asking
}

// A path is the place of a filesystem, if it was given.
type path struct {
	value string
	given bool
}

// AddFlags adds the flags to an application. What it returns is filled in when
// the application parses.
func AddFlags(app *kingpin.Application) *Config {
	c := &Config{}
	c.addPaths(app)
	c.addKubelet(app)
	app.Flag("runtime.endpoint", "Socket of the container runtime to ask where it keeps images and containers, such as unix:///run/containerd/containerd.sock. Whoever can use this socket is root on the node: off unless given.").StringVar(&c.runtime)
	return c
}

func (c *Config) addPaths(app *kingpin.Application) {
	app.Flag("path.procfs", "Where the host's procfs is mounted.").Default("/proc").StringVar(&c.Host.Proc)
	app.Flag("path.cgroup", "Where the root of the host's cgroup hierarchy is mounted.").Default("/sys/fs/cgroup").StringVar(&c.Host.Cgroup)
	filesystem := func(name, help string, p *path) {
		app.Flag("path."+name, help).IsSetByUser(&p.given).StringVar(&p.value)
	}
	filesystem("nodefs", "A path on the filesystem that holds the kubelet's root directory. (default: the kubelet's --root-dir, if it was found running, else "+defaultRootDir+")", &c.nodefs)
	filesystem("imagefs", "A path on the filesystem that holds the container runtime's images. (default: what --runtime.endpoint answers, else where the kubelet's runtime keeps them by its own default, else "+defaultImages+")", &c.imagefs)
	filesystem("containerfs", "A path on the filesystem that holds containers' writable layers. (default: as --path.imagefs, or what --runtime.endpoint answers)", &c.containerfs)
	app.Flag("path.timeout", "How long to wait for each reader of the node.").Default("500ms").DurationVar(&c.Timeout)
}

func (c *Config) addKubelet(app *kingpin.Application) {
	app.Flag("kubelet.url", "The kubelet to ask for its thresholds, such as https://127.0.0.1:10250.").StringVar(&c.Kubelet.URL)
	app.Flag("kubelet.token-file", "A file with the bearer token to ask with.").StringVar(&c.Kubelet.TokenFile)
	app.Flag("kubelet.ca-file", "A file with the CA of the kubelet's certificate.").StringVar(&c.Kubelet.CAFile)
	app.Flag("kubelet.cert-file", "A file with the client certificate to ask with.").StringVar(&c.Kubelet.CertFile)
	app.Flag("kubelet.key-file", "A file with the client certificate's key.").StringVar(&c.Kubelet.KeyFile)
	app.Flag("kubelet.insecure-skip-verify", "Take any certificate for the kubelet's.").BoolVar(&c.Kubelet.InsecureSkipVerify)
	app.Flag("kubelet.process", "Look for the running kubelet in --path.procfs and read the files that its command line names. Needs the host's PIDs, and its files at the same paths. On by default; --no-kubelet.process switches it off.").Default("true").BoolVar(&c.process)
	app.Flag("kubelet.root-dir", "Which kubelet is meant where several run here, by its --root-dir.").StringVar(&c.Kubelet.RootDir)
	app.Flag("kubelet.config", "The KubeletConfiguration file that the kubelet here runs with; used where neither --kubelet.url nor --kubelet.process tells.").StringVar(&c.Kubelet.ConfigFile)
	app.Flag("kubelet.log", "The kubelet's log, whose first lines tell its hard thresholds; used where nothing above tells.").StringVar(&c.Kubelet.LogFile)
	app.Flag("kubelet.assume", "A KubeletConfiguration file to assume where there is no kubelet.").StringVar(&c.Kubelet.AssumeFile)
	app.Flag("kubelet.version", "The kubelet's version, such as v1.37.2, where it does not tell itself; its defaults depend on it.").StringVar(&c.Kubelet.Version)
	app.Flag("kubelet.interval", "How often to read the thresholds' source again.").Default("1m").DurationVar(&c.Interval)
}

// Runtime is the socket of the container runtime to ask, or "" where none is to be
// asked.
func (c *Config) Runtime() string { return c.runtime }

// MaxInterval leaves a source several tries before what it said last expires.
const MaxInterval = kubelet.Keep / 3

// Check returns an error that names the first flag whose value cannot be meant.
func (c *Config) Check() error {
	for _, p := range []struct {
		flag string
		path
	}{
		{"procfs", path{c.Host.Proc, true}}, {"cgroup", path{c.Host.Cgroup, true}},
		{"nodefs", c.nodefs}, {"imagefs", c.imagefs}, {"containerfs", c.containerfs},
	} {
		if p.given && p.value == "" {
			return fmt.Errorf("--path.%s: is empty", p.flag)
		}
	}
	switch {
	case c.Timeout <= 0:
		return fmt.Errorf("--path.timeout: %s is not above 0", c.Timeout)
	case c.Interval < time.Second || c.Interval > MaxInterval:
		return fmt.Errorf("--kubelet.interval: %s is not between 1s and %s", c.Interval, MaxInterval)
	case c.runtime != "" && !strings.HasPrefix(c.runtime, "unix:///"):
		return fmt.Errorf("--runtime.endpoint: %q does not begin with unix:///, as unix:///run/containerd/containerd.sock does", c.runtime)
	}
	return nil
}
