//go:build e2e

package machine

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// configuration is a kubelet's that has no API server: it runs what it is told on
// this machine, and evicts it.
const configuration = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
evictionHard: {memory.available: 200Mi, nodefs.available: 12%}
`

// The units of a machine that kubeadm has set up, as far as they matter here, and
// the flag of somebody who wanted to give his disk a few percent more: what it means
// as well is that there is no other threshold any more. The file lies where Google
// has it, which a unit's walls hide easily.
var units = map[string]string{
	"/etc/systemd/system/containerd.service": `[Service]
ExecStart=/usr/bin/containerd
`,
	"/etc/systemd/system/kubelet.service": `[Unit]
After=containerd.service
Requires=containerd.service
[Service]
ExecStart=/usr/bin/kubelet
Restart=always
RestartSec=1
`,
	"/etc/systemd/system/kubelet.service.d/10-kubeadm.conf": `[Service]
Environment="KUBELET_CONFIG_ARGS=--config=/home/kubernetes/kubelet-config.yaml"
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_CONFIG_ARGS $KUBELET_EXTRA_ARGS
`,
	"/etc/systemd/system/kubelet.service.d/20-container.conf": `[Service]
# In a container the cgroups of version 1 are mounted read-only.
ExecStartPre=/bin/sh -c 'for at in /sys/fs/cgroup/*; do mount -o remount,rw,bind $at || true; done'
# Kernel settings are read-only, too, and the kubelet ends where they are not as it
# wants them. It gets copies: what it sets is its own.
ExecStartPre=/bin/sh -c 'for at in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do of=/run/settings/$at; [ -e $of ] || { mkdir -p $(dirname $of) && cat /proc/sys/$at >$of && mount --bind $of /proc/sys/$at; }; done'
`,
	"/etc/default/kubelet": `KUBELET_EXTRA_ARGS=--eviction-hard=nodefs.available<5%
`,
	"/home/kubernetes/kubelet-config.yaml": configuration,
}

func TestTheUnitFindsTheKubeletThatRunsAndTheFlagThatSwitchedThresholdsOff(t *testing.T) {
	m := New(t)
	for _, path := range []string{"/var/lib/kubelet", "/var/lib/containerd"} {
		m.disk(t, path)
	}
	for _, name := range []string{"kubelet", "containerd", "containerd-shim-runc-v2"} {
		m.program(t, name)
	}
	for path, text := range units {
		m.Write(t, path, []byte(text), 0o644)
	}
	install(t, m)
	m.Boot(t)
	m.Run(t, "systemctl", "start", "kubelet", "headroom-exporter")

	healthy(t)
	scraped := scrape(t, "flags")
	if _, err := scraped.Value("headroom_signal_available_bytes", "signal", "allocatableMemory.available"); err != nil {
		t.Error(err) // of the cgroup that the kubelet has made
	}
	nodefs, err := disk.Stat(filepath.Join(m.Root, "var/lib/kubelet"))
	if err != nil {
		t.Fatal(err)
	}
	hard(t, scraped, "nodefs.available", float64(int64(float64(nodefs.Capacity)*float64(float32(0.05)))))
	hard(t, scraped, "memory.available", 0)
	for signal, want := range map[string]float64{"memory.available": 1, "imagefs.available": 1, "nodefs.available": 0} {
		if got, err := scraped.Value("headroom_config_problem", "problem", "threshold_omitted", "signal", signal); err != nil || got != want {
			t.Errorf("that %s has lost its threshold is %v, %v, want %v", signal, got, err, want)
		}
	}
}

// healthy waits for the kubelet to say that it is well.
func healthy(t *testing.T) {
	t.Helper()
	err := cluster.Wait(t.Context(), "the kubelet", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:10248/healthz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// disk mounts a small ext4 in a machine before it boots.
func (m *Machine) disk(t *testing.T, path string) {
	t.Helper()
	path = filepath.Join(m.Root, path)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(filepath.Dir(m.Root), filepath.Base(path)+".img")
	if err := disk.Format(image, "ext4", 256<<20); err != nil {
		t.Fatal(err)
	}
	if err := disk.Mount(image, path, "ext4", 0); err != nil {
		t.Fatal(err)
	}
	unmountAfter(t, path)
}

// program puts one of the pinned programs into a machine's /usr/bin before it
// boots.
func (m *Machine) program(t *testing.T, name string) {
	t.Helper()
	path, err := tools.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	m.Write(t, "/usr/bin/"+name, nil, 0o755)
	at := filepath.Join(m.Root, "usr/bin", name)
	if err := unix.Mount(path, at, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	unmountAfter(t, at)
}
