package kubelet

import (
	"errors"
	"fmt"
	"slices"
)

// validate refuses what a kubelet would not start with, of the fields that are
// read here (ValidateKubeletConfiguration in
// pkg/kubelet/apis/config/validation/validation.go). Thresholds are not among
// them: the kubelet, too, parses them later.
func (d *document) validate(r release) error {
	high, low := *d.ImageGCHighThresholdPercent, *d.ImageGCLowThresholdPercent
	switch {
	case high < 0 || high > 100:
		return fmt.Errorf("imageGCHighThresholdPercent: %d is not between 0 and 100", high)
	case low < 0 || low > 100:
		return fmt.Errorf("imageGCLowThresholdPercent: %d is not between 0 and 100", low)
	case low >= high:
		return fmt.Errorf("imageGCLowThresholdPercent: %d is not below imageGCHighThresholdPercent, %d", low, high)
	case d.ContainerRuntimeEndpoint == "" && r.since(27):
		return errors.New("containerRuntimeEndpoint: is empty")
	}
	return d.validateEnforcement()
}

// enforcements are the values of enforceNodeAllocatable, with the field that each
// needs beside it.
var enforcements = map[string]struct {
	field string
	value func(*document) string
}{
	"none":                         {},
	"pods":                         {},
	"system-reserved":              {"systemReservedCgroup", func(d *document) string { return d.SystemReservedCgroup }},
	"system-reserved-compressible": {"systemReservedCgroup", func(d *document) string { return d.SystemReservedCgroup }},
	"kube-reserved":                {"kubeReservedCgroup", func(d *document) string { return d.KubeReservedCgroup }},
	"kube-reserved-compressible":   {"kubeReservedCgroup", func(d *document) string { return d.KubeReservedCgroup }},
}

func (d *document) validateEnforcement() error {
	all := d.EnforceNodeAllocatable
	for i, level := range all {
		needs, known := enforcements[level]
		switch {
		case !known:
			return fmt.Errorf("enforceNodeAllocatable: %q is none of pods, system-reserved, system-reserved-compressible, kube-reserved, kube-reserved-compressible and none", level)
		case slices.Contains(all[:i], level):
			return fmt.Errorf("enforceNodeAllocatable: %q is there twice", level)
		case slices.Contains(all, level+"-compressible"):
			return fmt.Errorf("enforceNodeAllocatable: %q and %q exclude each other", level, level+"-compressible")
		case level == "none" && len(all) > 1:
			return errors.New(`enforceNodeAllocatable: "none" does not go with others`)
		case needs.field != "" && needs.value(d) == "":
			return fmt.Errorf("%s: is needed for %q in enforceNodeAllocatable", needs.field, level)
		case level != "none" && !*d.CgroupsPerQOS:
			return fmt.Errorf("cgroupsPerQOS: must be true for %q in enforceNodeAllocatable", level)
		}
	}
	return nil
}
