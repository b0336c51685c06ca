package kubelet

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Distributions that start a kubelet of its own say on its command line where
// its configuration is: no place is known by heart. k3s and MicroK8s, which do
// not, have files of their own beside this one.
func TestKubeletsOfDistributions(t *testing.T) {
	for name, c := range map[string]struct {
		argv  []string
		files map[string]string
		hard  string
	}{
		"kubeadm": {
			[]string{"/usr/bin/kubelet", "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf", "--kubeconfig=/etc/kubernetes/kubelet.conf", "--config=/var/lib/kubelet/config.yaml", "--container-runtime-endpoint=unix:///var/run/containerd/containerd.sock"},
			map[string]string{"var/lib/kubelet/config.yaml": head + "cgroupDriver: systemd\n"},
			"memory.available<100Mi nodefs.available<10% nodefs.inodesFree<5% imagefs.available<15% imagefs.inodesFree<5%",
		},
		"EKS": {
			[]string{"/usr/bin/kubelet", "--cloud-provider=external", "--config=/etc/kubernetes/kubelet/config.json", "--config-dir=/etc/kubernetes/kubelet/config.json.d", "--node-ip=10.0.0.1"},
			map[string]string{
				"etc/kubernetes/kubelet/config.json":                   `{"kind":"KubeletConfiguration","apiVersion":"kubelet.config.k8s.io/v1beta1","evictionHard":{"memory.available":"100Mi","nodefs.available":"10%","nodefs.inodesFree":"5%"}}`,
				"etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf": `{"kind":"KubeletConfiguration","apiVersion":"kubelet.config.k8s.io/v1beta1","evictionHard":{"nodefs.available":"8%"}}`,
			},
			"memory.available<100Mi nodefs.available<8% nodefs.inodesFree<5%",
		},
		"GKE": {
			[]string{"/home/kubernetes/bin/kubelet", "--v=2", "--cloud-provider=external", "--config", "/home/kubernetes/kubelet-config.yaml", "--pod-sysctls=net.core.somaxconn=1024"},
			map[string]string{"home/kubernetes/kubelet-config.yaml": head + "evictionHard: {memory.available: 100Mi, nodefs.available: 10%, nodefs.inodesFree: 5%, pid.available: 10%}\n"},
			"memory.available<100Mi nodefs.available<10% nodefs.inodesFree<5% pid.available<10%",
		},
		"AKS": {
			[]string{"/usr/local/bin/kubelet", "--enable-server", "--node-labels=a=b,c=d", "--v=2", "--config=/etc/default/kubeletconfig.json", "--eviction-hard=memory.available<750Mi,nodefs.available<10%,nodefs.inodesFree<5%,pid.available<2000"},
			map[string]string{"etc/default/kubeletconfig.json": `{"kind":"KubeletConfiguration","apiVersion":"kubelet.config.k8s.io/v1beta1","evictionHard":{"memory.available":"1Mi"}}`},
			"memory.available<750Mi nodefs.available<10% nodefs.inodesFree<5% pid.available<2000",
		},
		"Talos": { // its kubelet's root is an image
			[]string{"/usr/local/bin/kubelet", "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubeconfig", "--config=/etc/kubernetes/kubelet.yaml", "--kubeconfig=/etc/kubernetes/kubeconfig-kubelet"},
			map[string]string{"etc/kubernetes/kubelet.yaml": head + "evictionHard: {imagefs.available: 12%}\n"},
			"imagefs.available<12%",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, root := newHost(t), t.TempDir()
			for path, content := range c.files {
				writeFile(t, filepath.Join(root, path), content)
			}
			h.add(99, "kubelet", c.argv, at{root: root})
			s := source(t, Options{Proc: h.proc})
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := s.Configuration()
			if err != nil {
				t.Fatal(err)
			}
			var hard []string
			for _, line := range lines(got.Thresholds) {
				if rest, ok := strings.CutPrefix(line, "hard "); ok && !strings.HasPrefix(rest, "allocatable") {
					hard = append(hard, rest)
				}
			}
			if diff := cmp.Diff(strings.Fields(c.hard), hard); diff != "" {
				t.Error(diff)
			}
		})
	}
}
