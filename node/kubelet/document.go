package kubelet

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	kjson "sigs.k8s.io/json"

	"github.com/nodeheadroom/headroom"
)

// A document is the part of a KubeletConfiguration (kubelet.config.k8s.io/v1beta1)
// that is read here. Other fields are not looked at, so that a wrong type in one
// of them, which a kubelet would refuse, is not noticed. What is left out when it
// is written again is what a kubelet leaves out: drop-ins are merged into that.
type document struct {
	EvictionHard                     map[string]string `json:"evictionHard,omitempty"`
	EvictionSoft                     map[string]string `json:"evictionSoft,omitempty"`
	EvictionSoftGracePeriod          map[string]string `json:"evictionSoftGracePeriod,omitempty"`
	EvictionMinimumReclaim           map[string]string `json:"evictionMinimumReclaim,omitempty"`
	MergeDefaultEvictionSettings     *bool             `json:"mergeDefaultEvictionSettings,omitempty"`
	EvictionPressureTransitionPeriod duration          `json:"evictionPressureTransitionPeriod"`
	ImageGCHighThresholdPercent      *int32            `json:"imageGCHighThresholdPercent,omitempty"`
	ImageGCLowThresholdPercent       *int32            `json:"imageGCLowThresholdPercent,omitempty"`
	EnforceNodeAllocatable           []string          `json:"enforceNodeAllocatable,omitempty"`
	SystemReservedCgroup             string            `json:"systemReservedCgroup,omitempty"`
	KubeReservedCgroup               string            `json:"kubeReservedCgroup,omitempty"`
	CgroupRoot                       string            `json:"cgroupRoot,omitempty"`
	CgroupsPerQOS                    *bool             `json:"cgroupsPerQOS,omitempty"`
	CgroupDriver                     string            `json:"cgroupDriver,omitempty"`
	ContainerRuntimeEndpoint         string            `json:"containerRuntimeEndpoint,omitempty"`
	FeatureGates                     map[string]bool   `json:"featureGates,omitempty"`
}

// A duration is a Go duration in a string, as metav1.Duration; null is refused,
// as there.
type duration struct{ time.Duration }

func (d *duration) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("evictionPressureTransitionPeriod: %s is not a duration in quotes such as \"5m0s\"", data)
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("evictionPressureTransitionPeriod: %q is not a duration such as 5m0s", s)
	}
	d.Duration = parsed
	return nil
}

func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// decode reads JSON with the kubelet's own decoder: names match by case, unknown
// ones are passed over.
func decode(data []byte, into any) error {
	return explainType(data, kjson.UnmarshalCaseSensitivePreserveInts(data, into))
}

// explainType makes a decoder's error name the field and its value, where it is
// about a type.
func explainType(data []byte, err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return wrongType(data, wrong)
	}
	return err
}

func wrongType(data []byte, wrong *json.UnmarshalTypeError) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return wrong
	}
	value := fields[wrong.Field]
	var entries map[string]any
	if json.Unmarshal(value, &entries) == nil {
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			switch v := entries[name].(type) {
			case string, nil:
			default:
				return fmt.Errorf("%s: %s: %v is not a string: put it in quotes", wrong.Field, name, v)
			}
		}
	}
	shown := string(value)
	var text string
	if json.Unmarshal(value, &text) == nil {
		shown = strconv.Quote(text) // without JSON's escapes
	}
	return fmt.Errorf("%s: %.100s: %s where %s is wanted", wrong.Field, shown, wrong.Value, wrong.Type)
}

// configuration parses what the fields say and refuses thresholds that a kubelet
// would not start with (ParseThresholdConfig).
func (d *document) configuration(r release) (*Configuration, error) {
	if d.ImageGCHighThresholdPercent == nil || d.ImageGCLowThresholdPercent == nil {
		return nil, errors.New("imageGCHighThresholdPercent or imageGCLowThresholdPercent is missing, which every kubelet has: this is not a kubelet's effective configuration")
	}
	eviction := headroom.EvictionConfig{
		Hard:            d.EvictionHard,
		Soft:            d.EvictionSoft,
		SoftGracePeriod: d.EvictionSoftGracePeriod,
		MinimumReclaim:  d.EvictionMinimumReclaim,
		EnforcePods:     slices.Contains(d.EnforceNodeAllocatable, "pods"),
	}
	thresholds, err := eviction.Thresholds()
	if err != nil {
		return nil, err
	}
	hard := maps.Clone(d.EvictionHard)
	if hard == nil {
		hard = map[string]string{} // it is known that there is none
	}
	return &Configuration{
		Thresholds:       thresholds,
		TransitionPeriod: d.EvictionPressureTransitionPeriod.Duration,
		ImageGCHigh:      int(*d.ImageGCHighThresholdPercent),
		ImageGCLow:       int(*d.ImageGCLowThresholdPercent),
		Hard:             hard,
		HugePages:        d.hugePages(r),
		PodCgroups:       d.podCgroups(),
		RuntimeEndpoint:  endpoint(d.ContainerRuntimeEndpoint),
		eviction:         eviction,
	}, nil
}

// hugePages says whether the feature gate HugepageAwareEviction is on: a beta
// one, on by default, since 1.37.
func (d *document) hugePages(r release) bool {
	if !r.since(37) {
		return false
	}
	for _, gate := range []string{"HugepageAwareEviction", "AllBeta"} {
		if on, ok := d.FeatureGates[gate]; ok {
			return on
		}
	}
	return true
}

// endpoint gives a bare path the scheme that kubelets before 1.27 put in front.
func endpoint(s string) string {
	if len(s) > 0 && s[0] == '/' {
		return "unix://" + s
	}
	return s
}
