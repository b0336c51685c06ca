package resolve

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Generate makes cases, the same ones from a seed: mostly what people write, with
// now and then what they should not.
func Generate(seed uint64, n int) []Case {
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	cases := make([]Case, n)
	for i := range cases {
		cases[i] = g.next(fmt.Sprintf("%d of seed %d", i+1, seed))
	}
	return cases
}

type generator struct{ *rand.Rand }

// oneIn is true every n-th time.
func (g generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func pickOne[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) next(name string) Case {
	c := Case{Name: name, Files: make(map[string]string)}
	if !g.oneIn(4) {
		c.Files["config.yaml"] = g.file()
		c.Args = append(c.Args, g.flag("config", "config.yaml")...)
	}
	if !g.oneIn(3) {
		c.Files["conf.d/"] = ""
		for range g.IntN(4) {
			c.Files["conf.d/"+g.fileName()] = g.file()
		}
		c.Args = append(c.Args, g.flag("config-dir", pickOne(g, "conf.d", "conf.d/", "$DIR/conf.d"))...)
	}
	for range g.IntN(5) {
		c.Args = slices.Concat(g.setting(), c.Args)
	}
	return c
}

func (g generator) fileName() string {
	name := pickOne(g, "00-base", "10-a", "10-A", "20", "z", "9") + pickOne(g, ".conf", ".conf", ".conf", ".yaml", "")
	if g.oneIn(4) {
		name = pickOne(g, "05", "10-a.d", "y") + "/" + name
	}
	return name
}

// file is a KubeletConfiguration, in YAML or JSON.
func (g generator) file() string {
	fields := make(map[string]any)
	for range g.IntN(6) {
		name, value := g.field()
		fields[name] = value
	}
	fields["maxPods"] = 110 // which is not read
	fields["apiVersion"], fields["kind"] = "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"
	if g.oneIn(60) {
		delete(fields, "kind")
	}
	if g.oneIn(3) {
		text, _ := json.MarshalIndent(fields, "", "  ")
		return string(text)
	}
	text, _ := yaml.Marshal(fields)
	return string(text)
}

func (g generator) field() (string, any) {
	names := slices.Sorted(maps.Keys(values))
	name := pickOne(g, names...)
	switch {
	case g.oneIn(15):
		return name, nil
	case g.oneIn(60):
		return name, pickOne[any](g, "text", 7, true, []string{"a"}, map[string]any{"a": 1}, 1.5)
	case g.oneIn(30):
		return strings.ToUpper(name[:1]) + name[1:], values[name](g)
	}
	return name, values[name](g)
}

// values makes a value for each field.
var values = map[string]func(generator) any{
	"evictionHard":                     func(g generator) any { return g.thresholds() },
	"evictionSoft":                     func(g generator) any { return g.thresholds() },
	"evictionSoftGracePeriod":          func(g generator) any { return g.perSignal("30s", "1m30s", "0s", "2h") },
	"evictionMinimumReclaim":           func(g generator) any { return g.perSignal("1Gi", "5%", "0", "500M") },
	"mergeDefaultEvictionSettings":     func(g generator) any { return g.oneIn(2) },
	"evictionPressureTransitionPeriod": func(g generator) any { return pickOne(g, "0s", "30s", "1h2m", "5m0s") },
	"imageGCHighThresholdPercent":      func(g generator) any { return pickOne(g, 85, 90, 100, 81, 99) },
	"imageGCLowThresholdPercent":       func(g generator) any { return pickOne(g, 80, 0, 50, 84) },
	"enforceNodeAllocatable": func(g generator) any {
		return pickOne(g, []string{}, []string{"pods"}, []string{"none"}, []string{"pods"}, []string{"pods", "kube-reserved-compressible"})
	},
	"kubeReservedCgroup":       func(g generator) any { return pickOne(g, "/kube", "/kube.slice", "") },
	"cgroupRoot":               func(g generator) any { return pickOne(g, "/", "/kubelet", "/a/b", "") },
	"cgroupDriver":             func(g generator) any { return pickOne(g, "systemd", "cgroupfs") },
	"cgroupsPerQOS":            func(g generator) any { return !g.oneIn(8) },
	"containerRuntimeEndpoint": func(g generator) any { return pickOne(g, "unix:///run/crio/crio.sock", "/run/x.sock") },
	"featureGates":             func(g generator) any { return g.featureGates() },
}

var signals = []string{"memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree", "containerfs.available", "pid.available", "allocatableMemory.available"}

func (g generator) thresholds() map[string]any {
	return g.perSignal("10%", "5%", "0%", "1Gi", "12.5%", "100Mi", "1000")
}

// perSignal gives some signals one of the values each, some of them null.
func (g generator) perSignal(values ...string) map[string]any {
	all := make(map[string]any)
	for range g.IntN(4) {
		all[pickOne(g, signals...)] = pickOne(g, values...)
	}
	if g.oneIn(5) {
		all[pickOne(g, signals...)] = nil
	}
	return all
}

func (g generator) featureGates() map[string]any {
	all := make(map[string]any)
	for range 1 + g.IntN(2) {
		all[pickOne(g, "HugepageAwareEviction", "EventedPLEG")] = g.oneIn(2)
	}
	return all
}

// setting is a flag that sets a field.
func (g generator) setting() []string {
	thresholds := func() string { return g.joined("<", "10%", "1Gi", " 5% ", "0%") }
	switch g.IntN(13) {
	case 0, 1, 2:
		return g.flag("eviction-hard", thresholds())
	case 3:
		return g.flag("eviction-soft", thresholds())
	case 4:
		return g.flag("eviction-soft-grace-period", g.joined("=", "1m", " 30s"))
	case 5:
		return g.flag("eviction-minimum-reclaim", g.joined("=", "1Gi", "5%"))
	case 6:
		return g.flag("eviction-pressure-transition-period", pickOne(g, "0", "1m", "90s"))
	case 7:
		return g.flag("image-gc-high-threshold", pickOne(g, "90", "0x5a", "100"))
	case 8:
		return g.flag("image-gc-low-threshold", pickOne(g, "0", "79", "84"))
	case 9:
		return g.flag("enforce-node-allocatable", pickOne(g, "pods", "none", "", `"pods"`))
	case 10:
		return g.flag("feature-gates", g.joinedGates())
	case 11:
		return g.flag("cgroup-root", pickOne(g, "/", "/x", ""))
	}
	return pickOne(g, []string{"--register-node"}, []string{"--v", "2"}, []string{"--node-labels=a=b"}, []string{"--oom-score-adj", "-999"}, []string{"--cgroups-per-qos"}, []string{"--fail-swap-on=false"})
}

func (g generator) joined(separator string, values ...string) string {
	var all []string
	for range g.IntN(4) {
		all = append(all, pickOne(g, signals...)+separator+pickOne(g, values...))
	}
	return strings.Join(all, pickOne(g, ",", ", ", ",,"))
}

func (g generator) joinedGates() string {
	var all []string
	gates := g.featureGates()
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		all = append(all, fmt.Sprintf("%s=%t", name, gates[name]))
	}
	return strings.Join(all, ",")
}

// flag writes a flag in one of its forms.
func (g generator) flag(name, value string) []string {
	if g.oneIn(6) {
		name = strings.ReplaceAll(name, "-", "_")
	}
	if g.oneIn(3) {
		return []string{"--" + name, value}
	}
	return []string{"--" + name + "=" + value}
}
