package kubelet

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A setting takes the value of a flag.
type setting func(f *flags, value string) error

// settings are the flags that matter here (cmd/kubelet/app/options/options.go).
var settings = map[string]setting{
	"config":     place(func(f *flags) *string { return &f.config }),
	"config-dir": place(func(f *flags) *string { return &f.configDir }),
	"root-dir":   place(func(f *flags) *string { return &f.rootDir }),
	"experimental-allocatable-ignore-eviction": func(f *flags, value string) (err error) {
		f.ignoresPods, err = strconv.ParseBool(value)
		return err
	},
	"eviction-hard":                       pairs("<", func(d *document) *map[string]string { return &d.EvictionHard }),
	"eviction-soft":                       pairs("<", func(d *document) *map[string]string { return &d.EvictionSoft }),
	"eviction-soft-grace-period":          pairs("=", func(d *document) *map[string]string { return &d.EvictionSoftGracePeriod }),
	"eviction-minimum-reclaim":            pairs("=", func(d *document) *map[string]string { return &d.EvictionMinimumReclaim }),
	"eviction-pressure-transition-period": field(func(d *document) *duration { return &d.EvictionPressureTransitionPeriod }, parseDuration),
	"image-gc-high-threshold":             field(func(d *document) **int32 { return &d.ImageGCHighThresholdPercent }, parseInt32),
	"image-gc-low-threshold":              field(func(d *document) **int32 { return &d.ImageGCLowThresholdPercent }, parseInt32),
	"enforce-node-allocatable":            field(func(d *document) *[]string { return &d.EnforceNodeAllocatable }, list),
	"system-reserved-cgroup":              field(func(d *document) *string { return &d.SystemReservedCgroup }, text),
	"kube-reserved-cgroup":                field(func(d *document) *string { return &d.KubeReservedCgroup }, text),
	"cgroup-root":                         field(func(d *document) *string { return &d.CgroupRoot }, text),
	"cgroups-per-qos":                     field(func(d *document) **bool { return &d.CgroupsPerQOS }, parseBool),
	"cgroup-driver":                       field(func(d *document) *string { return &d.CgroupDriver }, text),
	"container-runtime-endpoint":          field(func(d *document) *string { return &d.ContainerRuntimeEndpoint }, text),
	"feature-gates":                       gates,
}

// switches are the settings that need no value.
var switches = map[string]bool{"cgroups-per-qos": true, "experimental-allocatable-ignore-eviction": true}

// place is the setting of a flag that is no field of a document.
func place(at func(*flags) *string) setting {
	return func(f *flags, value string) error {
		*at(f) = value
		return nil
	}
}

// field is the setting of a document's field. parse gets what the flag has set
// before, the zero value at first.
func field[T any](at func(*document) *T, parse func(before T, value string) (T, error)) setting {
	return func(f *flags, value string) error {
		v, err := parse(*at(&f.values), value)
		if err != nil {
			return err
		}
		*at(&f.values) = v
		f.given = append(f.given, func(d *document) { *at(d) = v })
		return nil
	}
}

// pairs is the setting of a map. Later flags join earlier ones, but up to 1.8,
// where all of it was one string, the last one counts.
func pairs(separator string, at func(*document) *map[string]string) setting {
	set := field(at, func(before map[string]string, value string) (map[string]string, error) {
		all, err := parsePairs(separator, value)
		for name, v := range before {
			if _, again := all[name]; err == nil && !again {
				all[name] = v
			}
		}
		return all, err
	})
	return func(f *flags, value string) error {
		if !f.release.since(9) {
			*at(&f.values) = nil
		}
		return set(f, value)
	}
}

// parsePairs reads "a<1, b<2" (LangleSeparatedMapStringString and MapStringString
// in component-base).
func parsePairs(separator, value string) (map[string]string, error) {
	all := make(map[string]string)
	for pair := range strings.SplitSeq(value, ",") {
		if pair == "" {
			continue
		}
		name, v, ok := strings.Cut(pair, separator)
		if !ok {
			return nil, fmt.Errorf("%q holds no %q", pair, separator)
		}
		all[strings.TrimSpace(name)] = strings.TrimSpace(v)
	}
	return all, nil
}

// gates is the setting of --feature-gates, which leaves those gates of a document
// alone that it does not name.
func gates(f *flags, value string) error {
	named, err := parsePairs("=", value)
	if err != nil {
		return err
	}
	for gate, v := range named {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%s: %q is neither true nor false", gate, v)
		}
		f.given = append(f.given, func(d *document) {
			if d.FeatureGates == nil {
				d.FeatureGates = make(map[string]bool)
			}
			d.FeatureGates[gate] = on
		})
	}
	return nil
}

func text(_, value string) (string, error) { return value, nil }

// list reads comma-separated values. Later ones are added to earlier ones.
func list(before []string, value string) ([]string, error) {
	if value == "" {
		return append([]string{}, before...), nil
	}
	more, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return nil, err
	}
	return append(before[:len(before):len(before)], more...), nil
}

func parseDuration(_ duration, value string) (duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil {
		return duration{}, errors.New("not a duration such as 5m0s")
	}
	return duration{d}, nil
}

func parseInt32(_ *int32, value string) (*int32, error) {
	n, err := strconv.ParseInt(value, 0, 32)
	if err != nil {
		return nil, errors.New("not a number of 32 bits")
	}
	return new(int32(n)), nil
}

func parseBool(_ *bool, value string) (*bool, error) {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return nil, errors.New("neither true nor false")
	}
	return &b, nil
}
