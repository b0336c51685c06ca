package flag

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// known stands in for a kubelet and a runtime that say the same until a test
// changes it.
type known struct {
	configuration *kubelet.Configuration // nil is unknown
	answer        *runtime.Filesystems   // nil is unknown
}

func (k *known) Configuration() (*kubelet.Configuration, error) {
	if k.configuration == nil {
		return nil, errors.New("unknown")
	}
	return k.configuration, nil
}

func (k *known) Filesystems() (runtime.Filesystems, error) {
	if k.answer == nil {
		return runtime.Filesystems{}, errors.New("unknown")
	}
	return *k.answer, nil
}

func TestWhereFilesystemsAre(t *testing.T) {
	const socket = "--runtime.endpoint=unix:///run/containerd/containerd.sock"
	endpoint := func(e string) *kubelet.Configuration { return &kubelet.Configuration{RuntimeEndpoint: e} }
	answer := &runtime.Filesystems{Images: "/data/images", Containers: "/data/containers"}
	for name, c := range map[string]struct {
		args  string
		known known
		want  string // nodefs imagefs containerfs
	}{
		"nothing is known":                     {"", known{}, "/var/lib/kubelet /var/lib/containerd /var/lib/containerd"},
		"the kubelet tells its root":           {"", known{configuration: &kubelet.Configuration{RootDir: "/data/kubelet"}}, "/data/kubelet /var/lib/containerd /var/lib/containerd"},
		"a flag knows better":                  {"--path.nodefs=/host/kubelet", known{configuration: &kubelet.Configuration{RootDir: "/data/kubelet"}}, "/host/kubelet /var/lib/containerd /var/lib/containerd"},
		"a flag says which kubelet is meant":   {"--kubelet.root-dir=/data/other", known{configuration: &kubelet.Configuration{RootDir: "/data/kubelet"}}, "/data/other /var/lib/containerd /var/lib/containerd"},
		"containerd":                           {"", known{configuration: endpoint("unix:///run/containerd/containerd.sock")}, "/var/lib/kubelet /var/lib/containerd /var/lib/containerd"},
		"k3s's containerd":                     {"", known{configuration: endpoint("unix:///run/k3s/containerd/containerd.sock")}, "/var/lib/kubelet /var/lib/rancher/k3s/agent/containerd /var/lib/rancher/k3s/agent/containerd"},
		"k0s's containerd":                     {"", known{configuration: endpoint("unix:///run/k0s/containerd.sock")}, "/var/lib/kubelet /var/lib/k0s/containerd /var/lib/k0s/containerd"},
		"microk8s's containerd":                {"", known{configuration: endpoint("unix:///var/snap/microk8s/common/run/containerd.sock")}, "/var/lib/kubelet /var/snap/microk8s/common/var/lib/containerd /var/snap/microk8s/common/var/lib/containerd"},
		"CRI-O":                                {"", known{configuration: endpoint("unix:///var/run/crio/crio.sock")}, "/var/lib/kubelet /var/lib/containers /var/lib/containers"},
		"Docker behind cri-dockerd":            {"", known{configuration: endpoint("unix:///run/cri-dockerd.sock")}, "/var/lib/kubelet /var/lib/docker /var/lib/docker"},
		"Docker behind dockershim":             {"", known{configuration: endpoint("unix:///var/run/dockershim.sock")}, "/var/lib/kubelet /var/lib/docker /var/lib/docker"},
		"a runtime nobody has heard of":        {"", known{configuration: endpoint("unix:///run/other.sock")}, "/var/lib/kubelet /var/lib/containerd /var/lib/containerd"},
		"the runtime has answered":             {socket, known{answer: answer}, "/var/lib/kubelet /data/images /data/containers"},
		"the runtime says nothing of either":   {socket, known{answer: &runtime.Filesystems{Images: "/data/images"}}, "/var/lib/kubelet /data/images /data/images"},
		"the runtime has not answered":         {socket, known{configuration: endpoint("unix:///run/containerd/containerd.sock")}, "/var/lib/kubelet - -"},
		"a flag does not wait for the runtime": {socket + " --path.imagefs=/images", known{}, "/var/lib/kubelet /images /images"},
		"a flag goes before the runtime":       {socket + " --path.imagefs=/images", known{answer: answer}, "/var/lib/kubelet /images /images"},
		"containers by flag, images by answer": {socket + " --path.containerfs=/containers", known{answer: answer}, "/var/lib/kubelet /data/images /containers"},
		"containers by flag alone":             {socket + " --path.containerfs=/containers", known{}, "/var/lib/kubelet - /containers"},
		"all by flags":                         {"--path.nodefs=/a --path.imagefs=/b --path.containerfs=/c", known{}, "/a /b /c"},
	} {
		t.Run(name, func(t *testing.T) {
			config := parsed(t, strings.Fields(c.args)...)
			if err := config.Check(); err != nil {
				t.Fatal(err)
			}
			f := &facts{config: config, kubelet: &c.known}
			if config.runtime != "" {
				f.runtime = &c.known
			}
			if got := paths(f.read()); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// paths returns nodefs's, imagefs's and containerfs's, "-" for none.
func paths(f node.Facts) string {
	out := make([]string, 3)
	for i, role := range []string{"nodefs", "imagefs", "containerfs"} {
		out[i] = "-"
		for name, path := range f.Paths {
			if string(name) == role {
				out[i] = path
			}
		}
	}
	return strings.Join(out, " ")
}

func TestFactsFollowTheKubelet(t *testing.T) {
	k := &known{}
	f := &facts{config: parsed(t), kubelet: k}
	for _, step := range []struct {
		sentence      string
		configuration *kubelet.Configuration
		want          node.Facts
	}{
		{"before it is known", nil, node.Facts{}},
		{"once it is", &kubelet.Configuration{RootDir: "/a", HugePages: true, PodCgroups: []string{"/kubepods"}}, node.Facts{HugePages: true, PodCgroups: []string{"/kubepods"}}},
		{"while it is unknown again", nil, node.Facts{HugePages: true, PodCgroups: []string{"/kubepods"}}},
		{"when it is only assumed", &kubelet.Configuration{HugePages: true, PodCgroups: []string{"/kubepods"}, Source: kubelet.Assumed}, node.Facts{HugePages: true}},
		{"when another one is there", &kubelet.Configuration{RootDir: "/b", RuntimeEndpoint: "unix:///var/run/dockershim.sock", PodCgroups: []string{"/kubepods.slice"}}, node.Facts{PodCgroups: []string{"/kubepods.slice"}}},
	} {
		k.configuration = step.configuration
		got := f.read()
		got.Paths = nil
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: %s", step.sentence, diff)
		}
	}
	for sentence, configuration := range map[string]*kubelet.Configuration{
		"the kubelet is no longer known":     nil,
		"its command line is not to be seen": {PodCgroups: []string{"/kubepods"}},
	} {
		k.configuration = configuration
		if got := paths(f.read()); got != "/b /var/lib/docker /var/lib/docker" {
			t.Errorf("%s, and the node is read elsewhere: %s", sentence, got)
		}
	}
}

// Facts are asked for at every scrape.
func TestFactsAreMadeOnceForWhatIsKnown(t *testing.T) {
	f := &facts{config: parsed(t), kubelet: &known{configuration: &kubelet.Configuration{}}}
	f.read()
	if n := testing.AllocsPerRun(100, func() { f.read() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
