package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// A machine is what the two programs are told of this one.
type machine struct {
	name            string
	nodefs, imagefs string
	logs            string
	config          string // the kubelet's, or what is assumed for want of one
	assumed         bool
	notes           []string // what is not as on a node
}

// assumption is what is held against a machine that has no kubelet: the
// kubelet's own defaults.
const assumption = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
# No kubelet runs here. These are its defaults, assumed by make run.
evictionHard:
  memory.available: 100Mi
  nodefs.available: 10%
  nodefs.inodesFree: 5%
  imagefs.available: 15%
  imagefs.inodesFree: 5%
imageGCHighThresholdPercent: 85
imageGCLowThresholdPercent: 80
`

// look finds out how much of a node the machine below host is. What it has to
// make up lies in state.
func look(host, state string) (*machine, error) {
	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	m := &machine{name: name}
	m.nodefs = m.first("nodefs is the disk of", host, "var/lib/kubelet")
	m.imagefs = m.first("imagefs is the disk of", host, "var/lib/containerd", "var/lib/docker")
	m.logs = filepath.Join(host, "var/log/pods")
	if !isDir(m.logs) {
		m.logs = filepath.Join(state, "no-logs")
		if err := os.Mkdir(m.logs, 0o755); err != nil {
			return nil, err
		}
		m.notes = append(m.notes, "there are no logs of pods in /var/log/pods: log-reclaim will find nothing")
	}
	m.config = filepath.Join(host, "var/lib/kubelet/config.yaml")
	if file, err := os.Open(m.config); err == nil {
		return m, file.Close()
	}
	m.assumed, m.config = true, filepath.Join(state, "assumed.yaml")
	m.notes = append(m.notes, "no kubelet configuration in /var/lib/kubelet/config.yaml: the kubelet's defaults are assumed, "+m.config)
	return m, os.WriteFile(m.config, []byte(assumption), 0o644)
}

// first returns the first of the folders that exists below host, or host.
func (m *machine) first(role, host string, folders ...string) string {
	for _, folder := range folders {
		if path := filepath.Join(host, folder); isDir(path) {
			return path
		}
	}
	m.notes = append(m.notes, fmt.Sprintf("there is no /%s: %s %s", folders[0], role, host))
	return host
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// flags are those that both programs take.
func (m *machine) flags() []string {
	source := "--kubelet.config="
	if m.assumed {
		source = "--kubelet.assume="
	}
	return []string{"--path.nodefs=" + m.nodefs, "--path.imagefs=" + m.imagefs, source + m.config}
}
