package kubelet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"testing"
)

// The same summary of 200 pods and 1,000 containers for the scanner and for
// encoding/json, which makes values of what is wanted alone as well, but holds the
// whole text.
func BenchmarkSummary(b *testing.B) {
	data := summaryOf(b, 200, 5)
	for name, parse := range map[string]func() error{
		"scanner":       func() error { _, err := ParseSummary(bytes.NewReader(data)); return err },
		"encoding/json": func() error { return json.NewDecoder(bytes.NewReader(data)).Decode(new(summaryDoc)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := parse(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type object = map[string]any

// summaryOf makes a summary of so many pods out of the recorded one, indented as
// kubelets indent it.
func summaryOf(tb testing.TB, pods, containers int) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/summary.json")
	if err != nil {
		tb.Fatal(err)
	}
	var summary object
	if err := json.Unmarshal(data, &summary); err != nil {
		tb.Fatal(err)
	}
	pod := summary["pods"].([]any)[0].(object)
	container := pod["containers"].([]any)[0].(object)
	volume := pod["volume"].([]any)[0].(object)
	var all []any
	for i := range pods {
		var cs []any
		for k := range containers {
			logs := with(container["logs"].(object), object{"usedBytes": 4096 * (i + 1), "inodesUsed": k + 1})
			cs = append(cs, with(container, object{"name": fmt.Sprintf("container-%d", k), "logs": logs}))
		}
		all = append(all, with(pod, object{
			"podRef": object{
				"namespace": fmt.Sprintf("namespace-%d", i/20),
				"name":      fmt.Sprintf("deployment-%d-5d8f7c9b4-x%03d", i/5, i),
				"uid":       fmt.Sprintf("00000000-0000-0000-0000-%012d", i),
			},
			"containers": cs,
			"volume":     []any{volume, with(volume, object{"name": "config"}), with(volume, object{"name": "kube-api-access-x2b7k"})},
		}))
	}
	text, err := json.MarshalIndent(with(summary, object{"pods": all}), "", " ")
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// with returns o with some fields changed.
func with(o, changes object) object {
	o = maps.Clone(o)
	maps.Copy(o, changes)
	return o
}
