package kubelet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/nodeheadroom/headroom"
)

// A nodeConfig is the part of the kubelet's NodeConfig that is read here.
type nodeConfig struct {
	CgroupsPerQOS          *bool
	CgroupRoot             string
	CgroupDriver           string
	KubeletRootDir         string
	EnforceNodeAllocatable map[string]struct{}
	HardEvictionThresholds []loggedThreshold
}

// A loggedThreshold has a quantity or a percentage, which is a fraction of 1.
type loggedThreshold struct {
	Signal   string
	Operator string
	Value    struct {
		Quantity   *string
		Percentage json.Number
	}
}

var (
	goField     = regexp.MustCompile(`\b(CgroupsPerQOS|CgroupRoot|CgroupDriver|KubeletRootDir):(\S*)`)
	goEnforce   = regexp.MustCompile(`\bEnforceNodeAllocatable:map\[([^\]]*)\]`)
	goThreshold = regexp.MustCompile(`^ ?\{Signal:(\S+) Operator:(\S+) Value:\{Quantity:(\S+) Percentage:(\S+)\} GracePeriod:\S+ MinReclaim:\S+\}`)
)

// parse reads it as package fmt writes it, which kubelets did up to 1.27:
//
//	CgroupsPerQOS:true CgroupRoot:/ … EnforceNodeAllocatable:map[pods:{}] …
//	HardEvictionThresholds:[{Signal:nodefs.available Operator:LessThan
//	Value:{Quantity:<nil> Percentage:0.1} GracePeriod:0s MinReclaim:<nil>} …]
func (n *nodeConfig) parse(s string) error {
	before, after, ok := strings.Cut(s, "HardEvictionThresholds:[")
	list, _, closed := strings.Cut(after, "]")
	if !ok || !closed {
		return errors.New("it is cut short, or has no HardEvictionThresholds")
	}
	for list != "" {
		m := goThreshold.FindStringSubmatch(list)
		if m == nil {
			return fmt.Errorf("HardEvictionThresholds: %.200q is not understood", list)
		}
		t := loggedThreshold{Signal: m[1], Operator: m[2]}
		if m[3] != "<nil>" {
			t.Value.Quantity = &m[3]
		}
		t.Value.Percentage = json.Number(m[4])
		n.HardEvictionThresholds = append(n.HardEvictionThresholds, t)
		list = list[len(m[0]):]
	}
	for _, m := range goField.FindAllStringSubmatch(before, -1) {
		switch m[1] {
		case "CgroupsPerQOS":
			n.CgroupsPerQOS = new(m[2] == "true")
		case "CgroupRoot":
			n.CgroupRoot = m[2]
		case "CgroupDriver":
			n.CgroupDriver = m[2]
		case "KubeletRootDir":
			n.KubeletRootDir = m[2]
		}
	}
	n.EnforceNodeAllocatable = make(map[string]struct{})
	if m := goEnforce.FindStringSubmatch(before); m != nil && strings.Contains(m[1], "pods:{}") {
		n.EnforceNodeAllocatable["pods"] = struct{}{}
	}
	return nil
}

// errNothingLogged says what an empty list may mean.
var errNothingLogged = errors.New("the kubelet logged no hard threshold when it started, which it also does with --experimental-allocatable-ignore-eviction")

func (n *nodeConfig) configuration(r release) (*Configuration, error) {
	if len(n.HardEvictionThresholds) == 0 {
		return nil, errNothingLogged
	}
	hard := make(map[string]string)
	for _, t := range n.HardEvictionThresholds {
		value, err := t.text()
		if err != nil {
			return nil, fmt.Errorf("HardEvictionThresholds: %s: %w", t.Signal, err)
		}
		hard[t.Signal] = value
	}
	_, pods := n.EnforceNodeAllocatable["pods"]
	thresholds, err := headroom.EvictionConfig{Hard: hard, EnforcePods: pods}.Thresholds()
	if err != nil {
		return nil, err
	}
	d := document{CgroupsPerQOS: n.CgroupsPerQOS, CgroupRoot: n.CgroupRoot, CgroupDriver: n.CgroupDriver}
	return &Configuration{
		Thresholds: thresholds,
		HardOnly:   true,
		HugePages:  d.hugePages(r),
		PodCgroups: d.podCgroups(),
		RootDir:    n.KubeletRootDir,
	}, nil
}

// text is the threshold as a configuration would write it.
func (t loggedThreshold) text() (string, error) {
	if t.Operator != "LessThan" {
		return "", fmt.Errorf("operator %q is not LessThan", t.Operator)
	}
	if t.Value.Quantity != nil {
		return *t.Value.Quantity, nil
	}
	fraction, err := strconv.ParseFloat(string(t.Value.Percentage), 32)
	if err != nil {
		return "", fmt.Errorf("percentage: %q is not a number", t.Value.Percentage)
	}
	return percentage(float32(fraction)), nil
}

// percentage finds the percentage that becomes the given fraction when 32 bits are
// divided by 100, the shortest one. A point in it keeps it from looking like "0%"
// and "100%", which mean that there is no threshold.
func percentage(fraction float32) string {
	near := fraction * 100
	shortest := strconv.FormatFloat(float64(near), 'g', -1, 32)
	for _, p := range []float32{math.Nextafter32(near, 0), math.Nextafter32(near, math.MaxFloat32), near} {
		s := strconv.FormatFloat(float64(p), 'g', -1, 32)
		if p/100 == fraction && (near/100 != fraction || len(s) <= len(shortest)) {
			near, shortest = p, s
		}
	}
	if shortest == "0" || shortest == "100" {
		shortest += ".0"
	}
	return shortest + "%"
}
