package exporter

import (
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// flags are the program's, parsed.
type flags struct {
	procfs, cgroup               string
	nodefs, imagefs, containerfs string
	timeout                      time.Duration
	kubelet                      kubelet.Options
	interval                     time.Duration
	web                          *web.FlagConfig
	log                          promslog.Config
}

// parse returns nil flags where --help or --version was answered.
func parse(args []string, stdout, stderr io.Writer) (*flags, error) {
	f := &flags{}
	app := kingpin.New("headroom-exporter", "Publishes how far this node is from kubelet eviction.")
	app.UsageWriter(stdout)
	app.ErrorWriter(stderr)
	answered := false
	app.Terminate(func(int) { answered = true })
	app.Version(version.Print("headroom-exporter"))
	app.HelpFlag.Short('h')

	app.Flag("path.procfs", "Where procfs is mounted.").Default("/proc").StringVar(&f.procfs)
	app.Flag("path.cgroup", "Where the root of the cgroup hierarchy is mounted.").Default("/sys/fs/cgroup").StringVar(&f.cgroup)
	app.Flag("path.nodefs", "A path on the filesystem that holds the kubelet's root directory.").Default("/var/lib/kubelet").StringVar(&f.nodefs)
	app.Flag("path.imagefs", "A path on the filesystem that holds the container runtime's images.").Default("/var/lib/containerd").StringVar(&f.imagefs)
	app.Flag("path.containerfs", "A path on the filesystem that holds containers' writable layers. As --path.imagefs unless given.").StringVar(&f.containerfs)
	app.Flag("path.timeout", "How long to wait for each filesystem.").Default("500ms").DurationVar(&f.timeout)

	app.Flag("kubelet.url", "The kubelet to ask for its thresholds, such as https://127.0.0.1:10250.").StringVar(&f.kubelet.URL)
	app.Flag("kubelet.token-file", "A file with the bearer token to ask with.").StringVar(&f.kubelet.TokenFile)
	app.Flag("kubelet.ca-file", "A file with the CA of the kubelet's certificate.").StringVar(&f.kubelet.CAFile)
	app.Flag("kubelet.cert-file", "A file with the client certificate to ask with.").StringVar(&f.kubelet.CertFile)
	app.Flag("kubelet.key-file", "A file with the client certificate's key.").StringVar(&f.kubelet.KeyFile)
	app.Flag("kubelet.insecure-skip-verify", "Take any certificate for the kubelet's.").BoolVar(&f.kubelet.InsecureSkipVerify)
	app.Flag("kubelet.config", "The KubeletConfiguration file that the kubelet here runs with; used without --kubelet.url.").StringVar(&f.kubelet.ConfigFile)
	app.Flag("kubelet.assume", "A KubeletConfiguration file to assume where there is no kubelet.").StringVar(&f.kubelet.AssumeFile)
	app.Flag("kubelet.interval", "How often to read the thresholds' source again.").Default("30s").DurationVar(&f.interval)

	f.web = kingpinflag.AddFlags(app, ":10910")
	promslogflag.AddFlags(app, &f.log)
	_, err := app.Parse(args)
	if answered {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return f, f.check()
}

// maxInterval leaves a source several tries before what it said last expires.
const maxInterval = kubelet.Keep / 3

func (f *flags) check() error {
	for _, path := range []struct{ flag, value string }{
		{"procfs", f.procfs}, {"cgroup", f.cgroup}, {"nodefs", f.nodefs}, {"imagefs", f.imagefs},
	} {
		if path.value == "" {
			return fmt.Errorf("--path.%s: is empty", path.flag)
		}
	}
	switch {
	case f.timeout <= 0:
		return fmt.Errorf("--path.timeout: %s is not above 0", f.timeout)
	case f.interval < time.Second || f.interval > maxInterval:
		return fmt.Errorf("--kubelet.interval: %s is not between 1s and %s", f.interval, maxInterval)
	}
	return nil
}

// node returns the node that the flags describe.
func (f *flags) node() *node.Node {
	containerfs := f.containerfs
	if containerfs == "" {
		containerfs = f.imagefs
	}
	return node.New(node.Config{
		Host: node.Host{Proc: f.procfs, Cgroup: f.cgroup},
		Paths: map[headroom.Filesystem]string{
			headroom.NodeFS:      f.nodefs,
			headroom.ImageFS:     f.imagefs,
			headroom.ContainerFS: containerfs,
		},
		Timeout: f.timeout,
	})
}
