package kubelet

import "time"

// loadDefaults fills in what a kubelet does only when it loads a configuration
// file (loadConfigFile in cmd/kubelet/app/server.go). Any evictionHard, even an
// empty one, replaces all of the defaults, unless they are asked for.
func (d *document) loadDefaults(r release) {
	if d.EvictionHard == nil {
		d.EvictionHard = r.defaultHard()
	} else if r.since(33) && d.MergeDefaultEvictionSettings != nil && *d.MergeDefaultEvictionSettings {
		for signal, value := range r.defaultHard() {
			if _, ok := d.EvictionHard[signal]; !ok {
				d.EvictionHard[signal] = value
			}
		}
	}
}

// setDefaults fills in what every KubeletConfiguration has
// (pkg/kubelet/apis/config/v1beta1/defaults.go).
func (d *document) setDefaults(r release) {
	if d.EvictionHard == nil && !r.since(26) {
		d.EvictionHard = r.defaultHard()
	}
	if d.EvictionPressureTransitionPeriod.Duration == 0 {
		d.EvictionPressureTransitionPeriod.Duration = 5 * time.Minute
	}
	if d.ImageGCHighThresholdPercent == nil {
		d.ImageGCHighThresholdPercent = new(int32(85))
	}
	if d.ImageGCLowThresholdPercent == nil {
		d.ImageGCLowThresholdPercent = new(int32(80))
	}
	if d.EnforceNodeAllocatable == nil {
		d.EnforceNodeAllocatable = []string{"pods"}
	}
	if d.CgroupsPerQOS == nil {
		d.CgroupsPerQOS = new(true)
	}
	if d.CgroupDriver == "" {
		d.CgroupDriver = "cgroupfs"
	}
	if d.ContainerRuntimeEndpoint == "" && r.since(27) {
		d.ContainerRuntimeEndpoint = "unix:///run/containerd/containerd.sock"
	}
}

// defaultHard is the evictionHard that a kubelet on Linux gives itself
// (pkg/kubelet/eviction/defaults_linux.go; up to 1.9
// cmd/kubelet/app/options/options.go and its successors).
func (r release) defaultHard() map[string]string {
	hard := map[string]string{
		"memory.available":  "100Mi",
		"nodefs.available":  "10%",
		"nodefs.inodesFree": "5%",
	}
	if r.since(9) {
		hard["imagefs.available"] = "15%"
	}
	if r.since(30) {
		hard["imagefs.inodesFree"] = "5%"
	}
	return hard
}
