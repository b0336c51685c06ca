package oracle

import (
	"slices"
	"testing"

	"k8s.io/kubernetes/pkg/kubelet/eviction"
	evictionapi "k8s.io/kubernetes/pkg/kubelet/eviction/api"

	"github.com/nodeheadroom/headroom"
)

const million = 1_000_000

func TestHardThresholdStrings(t *testing.T) {
	c := compare(t)
	statements := make(map[string]string, 1)
	for c.compared < million {
		raw := c.text()
		statements["nodefs.available"] = raw
		theirs, refused := eviction.ParseThresholdConfig(nil, statements, nil, nil, nil)
		ours, err := headroom.EvictionConfig{Hard: statements}.Thresholds()
		c.parsed(raw, theirs, refused, ours, err)
	}
}

func TestSoftThresholdStrings(t *testing.T) {
	c := compare(t)
	statements, grace := make(map[string]string, 1), make(map[string]string, 1)
	for c.compared < million/4 {
		raw, period := c.good(), c.duration()
		statements["pid.available"], grace["pid.available"] = raw, period
		theirs, refused := eviction.ParseThresholdConfig(nil, nil, statements, grace, nil)
		ours, err := headroom.EvictionConfig{Soft: statements, SoftGracePeriod: grace}.Thresholds()
		c.parsed(raw+" for "+period, theirs, refused, ours, err)
	}
}

func TestMinimumReclaimStrings(t *testing.T) {
	c := compare(t)
	hard := map[string]string{"imagefs.available": "1Gi"}
	reclaim := make(map[string]string, 1)
	for c.compared < million/4 {
		raw := c.text()
		reclaim["imagefs.available"] = raw
		theirs, refused := eviction.ParseThresholdConfig(nil, hard, nil, nil, reclaim)
		ours, err := headroom.EvictionConfig{Hard: hard, MinimumReclaim: reclaim}.Thresholds()
		c.parsed(raw, theirs, refused, ours, err)
	}
}

// Maps of several signals, some misspelt, in all four fields at once.
func TestWholeConfigurations(t *testing.T) {
	c := compare(t)
	for c.compared < million/10 {
		config, enforced := c.config()
		theirs, refused := eviction.ParseThresholdConfig(enforced, config.Hard, config.Soft, config.SoftGracePeriod, config.MinimumReclaim)
		ours, err := config.Thresholds()
		c.parsed(config, theirs, refused, ours, err)
	}
}

func (c *comparison) parsed(input any, theirs []evictionapi.Threshold, refused error, ours headroom.Thresholds, err error) {
	c.Helper()
	c.compared++
	if refused == nil {
		c.yes++
	}
	if (refused == nil) != (err == nil) {
		c.differ("%+v: the kubelet says %v, we say %v", input, refused, err)
	} else if !alike(theirs, ours) {
		c.differ("%+v: the kubelet has %+v, we have %+v", input, theirs, ours)
	}
}

// config returns a configuration that a kubelet mostly starts with, and its
// enforceNodeAllocatable.
func (d *dice) config() (headroom.EvictionConfig, []string) {
	c := headroom.EvictionConfig{
		Hard: make(map[string]string), Soft: make(map[string]string),
		SoftGracePeriod: make(map[string]string), MinimumReclaim: make(map[string]string),
	}
	for _, s := range headroom.Signals() {
		if d.in100(50) {
			c.Hard[string(s)] = d.good()
		}
		if d.in100(40) {
			c.Soft[string(s)] = d.good()
			if d.in100(99) {
				c.SoftGracePeriod[string(s)] = d.duration()
			}
		}
		if d.in100(20) {
			c.MinimumReclaim[string(s)] = d.good()
		}
	}
	if d.in100(3) {
		m := pick(d, []map[string]string{c.Hard, c.Soft, c.SoftGracePeriod, c.MinimumReclaim})
		m[pick(d, []string{"nodefs.free", "Memory.available", "memory.available ", "", "allocatableNodeFs.available"})] = "0%"
	}
	enforced := pick(d, [][]string{nil, {"none"}, {"pods"}, {"pods"}, {"system-reserved", "pods"}, {"kube-reserved"}})
	c.EnforcePods = slices.Contains(enforced, "pods")
	return c, enforced
}

func (d *dice) duration() string {
	return pick(d, []string{"0", "0s", "-0s", "1m30s", "2m", "1h", "90s", "1.5h", "1ns", "100ms", "2m0s", "30s", "1m", "5m", "10m", "1h5m", "30", "-1s", "", "1d", "1 m", "9999999h"}[:1+d.IntN(22)])
}
