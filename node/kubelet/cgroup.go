package kubelet

import (
	"path"
	"slices"
	"strings"
)

// podCgroups are the names of the cgroup that holds all pods, as each of the two
// cgroup drivers would have it, the configured driver's first: since 1.28 the
// kubelet asks the runtime, whose word counts more than the configuration's.
// Without cgroupsPerQOS the pods have no cgroup of their own, and there is none.
func (d *document) podCgroups() []string {
	if d.CgroupsPerQOS != nil && !*d.CgroupsPerQOS {
		return nil
	}
	parts := strings.FieldsFunc(d.CgroupRoot, func(r rune) bool { return r == '/' })
	parts = append(parts, "kubepods")
	names := []string{"/" + path.Join(parts...), slice(parts)}
	if d.CgroupDriver == "systemd" {
		slices.Reverse(names)
	}
	return names
}

// slice names a cgroup as systemd does, whose slices carry the names of those
// above them (ToSystemd in pkg/kubelet/cm/cgroup_manager_linux.go):
//
//	/kubelet/kubepods   /kubelet.slice/kubelet-kubepods.slice
func slice(parts []string) string {
	name, whole := "", ""
	for _, part := range parts {
		whole += strings.ReplaceAll(part, "-", "_")
		name += "/" + whole + ".slice"
		whole += "-"
	}
	return name
}
