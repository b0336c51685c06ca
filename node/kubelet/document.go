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
// of them, which a kubelet would refuse, is not noticed.
type document struct {
	EvictionHard                     map[string]string `json:"evictionHard"`
	EvictionSoft                     map[string]string `json:"evictionSoft"`
	EvictionSoftGracePeriod          map[string]string `json:"evictionSoftGracePeriod"`
	EvictionMinimumReclaim           map[string]string `json:"evictionMinimumReclaim"`
	MergeDefaultEvictionSettings     *bool             `json:"mergeDefaultEvictionSettings"`
	EvictionPressureTransitionPeriod duration          `json:"evictionPressureTransitionPeriod"`
	ImageGCHighThresholdPercent      *int32            `json:"imageGCHighThresholdPercent"`
	ImageGCLowThresholdPercent       *int32            `json:"imageGCLowThresholdPercent"`
	EnforceNodeAllocatable           []string          `json:"enforceNodeAllocatable"`
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

// decode reads JSON with the kubelet's own decoder: names match by case, unknown
// ones are passed over.
func decode(data []byte, into any) error {
	err := kjson.UnmarshalCaseSensitivePreserveInts(data, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return wrongType(data, wrong)
	}
	return err
}

// wrongType names the field and its value, which the decoder's error does not.
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

// defaultHard is what a kubelet on Linux uses where its configuration file has
// no evictionHard (pkg/kubelet/eviction/defaults_linux.go).
var defaultHard = map[string]string{
	"memory.available":   "100Mi",
	"nodefs.available":   "10%",
	"nodefs.inodesFree":  "5%",
	"imagefs.available":  "15%",
	"imagefs.inodesFree": "5%",
}

// setDefaults fills in what a kubelet does when it loads a configuration file
// (loadConfigFile in cmd/kubelet/app/server.go and
// pkg/kubelet/apis/config/v1beta1/defaults.go). Any evictionHard, even an empty
// one, replaces all of the defaults, unless they are asked for.
func (d *document) setDefaults() {
	if d.EvictionHard == nil {
		d.EvictionHard = maps.Clone(defaultHard)
	} else if d.MergeDefaultEvictionSettings != nil && *d.MergeDefaultEvictionSettings {
		for signal, value := range defaultHard {
			if _, ok := d.EvictionHard[signal]; !ok {
				d.EvictionHard[signal] = value
			}
		}
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
}

// configuration parses what the fields say and refuses what a kubelet would not
// start with (ValidateKubeletConfiguration, ParseThresholdConfig).
func (d *document) configuration() (*Configuration, error) {
	if d.ImageGCHighThresholdPercent == nil || d.ImageGCLowThresholdPercent == nil {
		return nil, errors.New("imageGCHighThresholdPercent or imageGCLowThresholdPercent is missing, which every kubelet has: this is not a kubelet's effective configuration")
	}
	high, low := int(*d.ImageGCHighThresholdPercent), int(*d.ImageGCLowThresholdPercent)
	switch {
	case high < 0 || high > 100:
		return nil, fmt.Errorf("imageGCHighThresholdPercent: %d is not between 0 and 100", high)
	case low < 0 || low > 100:
		return nil, fmt.Errorf("imageGCLowThresholdPercent: %d is not between 0 and 100", low)
	case low >= high:
		return nil, fmt.Errorf("imageGCLowThresholdPercent: %d is not below imageGCHighThresholdPercent, %d", low, high)
	}
	thresholds, err := headroom.EvictionConfig{
		Hard:            d.EvictionHard,
		Soft:            d.EvictionSoft,
		SoftGracePeriod: d.EvictionSoftGracePeriod,
		MinimumReclaim:  d.EvictionMinimumReclaim,
		EnforcePods:     slices.Contains(d.EnforceNodeAllocatable, "pods"),
	}.Thresholds()
	if err != nil {
		return nil, err
	}
	return &Configuration{
		Thresholds:       thresholds,
		TransitionPeriod: d.EvictionPressureTransitionPeriod.Duration,
		ImageGCHigh:      high,
		ImageGCLow:       low,
	}, nil
}
