package kubelet

import (
	"strings"
	"testing"
)

func FuzzMerge(f *testing.F) {
	f.Add(head+"evictionHard: {memory.available: 1Gi}\n", head+"evictionHard: {memory.available: null, pid.available: 5%}\nEvictionSoft: {a: b}\n", "--eviction-hard=a<b --feature-gates A=true --config-dir x -v 2 --")
	f.Add(`{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration"}`, head, "--enforce_node_allocatable=\"a\" --cgroups-per-qos")
	f.Fuzz(func(t *testing.T, base, dropin, line string) {
		flags, err := parseFlags(strings.Fields(line), 0)
		if err != nil {
			return
		}
		flags.configDir = "conf.d"
		d, err := merge(&namedFile{"base", []byte(base)}, []namedFile{{"dropin", []byte(dropin)}}, flags, 0)
		if (d == nil) == (err == nil) {
			t.Fatalf("%v, %v", d, err)
		}
		if err == nil {
			d.configuration(0) // whatever it says, it says it
		}
	})
}
