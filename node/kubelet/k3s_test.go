package kubelet

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKubeletInsideOfK3s(t *testing.T) {
	const title = "/usr/local/bin/k3s server\x00"
	old := []string{"--eviction-hard=imagefs.available<5%,nodefs.available<5%", "--eviction-minimum-reclaim=imagefs.available=10%,nodefs.available=10%", "--container-runtime-endpoint=unix:///run/k3s/containerd/containerd.sock"}
	dropins := map[string]string{"var/lib/rancher/k3s/agent/etc/kubelet.conf.d/00-k3s-defaults.conf": head}
	for name, c := range map[string]struct {
		line  string
		files map[string]string
		want  []string
		err   string
	}{
		"since 1.32 its defaults are a drop-in":    {title, dropins, []string{"--config-dir=/var/lib/rancher/k3s/agent/etc/kubelet.conf.d"}, ""},
		"before they were flags":                   {title, nil, old, ""},
		"arguments in its configuration":           {title, map[string]string{"etc/rancher/k3s/config.yaml": "kubelet-arg:\n- eviction-hard=pid.available<5%\n- v=2\n"}, append(old[1:3:3], "--eviction-hard=pid.available<5%", "--v=2"), ""},
		"one argument in its configuration":        {title, map[string]string{"etc/rancher/k3s/config.yaml": "kubelet-arg: --eviction-hard+=pid.available<5%\n"}, append(old[:3:3], "--eviction-hard=pid.available<5%"), ""},
		"arguments in files beside":                {title, map[string]string{"etc/rancher/k3s/config.yaml": "kubelet-arg: a=1\ndata-dir: /data\n", "etc/rancher/k3s/config.yaml.d/10.yaml": "kubelet-arg: [b=2]\n", "etc/rancher/k3s/config.yaml.d/20.yml": "kubelet-arg+: [c]\n", "etc/rancher/k3s/config.yaml.d/30.txt": "kubelet-arg: [d=4]\n", "data/agent/etc/kubelet.conf.d/x": ""}, []string{"--config-dir=/data/agent/etc/kubelet.conf.d", "--b=2", "--c=true"}, ""},
		"arguments on its command line":            {"k3s\x00server\x00--kubelet-arg=a=1\x00--kubelet-arg\x00b=2\x00-d\x00/data\x00", map[string]string{"data/agent/etc/kubelet.conf.d/x": ""}, []string{"--config-dir=/data/agent/etc/kubelet.conf.d", "--a=1", "--b=2"}, ""},
		"a file among them is copied, not taken":   {title, map[string]string{"etc/rancher/k3s/config.yaml": "kubelet-arg: [config=/a, config-dir=/b]\n"}, old, ""},
		"an agent":                                 {"/usr/local/bin/k3s agent\x00", dropins, []string{"--config-dir=/var/lib/rancher/k3s/agent/etc/kubelet.conf.d"}, ""},
		"arguments that it has hidden":             {title + strings.Repeat("\x00", 20), dropins, nil, "k3s hides its command line"},
		"a configuration that cannot be read":      {title, map[string]string{"etc/rancher/k3s/config.yaml": "\t"}, nil, "/etc/rancher/k3s/config.yaml: "},
		"a configuration that is something else":   {title, map[string]string{"etc/rancher/k3s/config.yaml/x": ""}, nil, "is a directory"},
		"a drop-in folder that is not to be asked": {title, map[string]string{"var/lib/rancher": ""}, nil, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, content := range c.files {
				writeFile(t, filepath.Join(root, path), content)
			}
			h := newHost(t)
			h.add(99, "k3s-server", nil, at{root: root, line: c.line})
			p, err := find(h.proc, "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.host.args(p, &view{process: p.dir})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, error is %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
