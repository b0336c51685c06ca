package kubelet

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const buildInfo = `kubernetes_build_info{build_date="2026",git_version="v1.37.2",major="1"} 1` + "\n"

func TestMetrics(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Metrics
	}{
		"a kubelet that has evicted none": {buildInfo, Metrics{Version: "v1.37.2"}},
		"help and types are no samples": {
			"# HELP kubelet_evictions [ALPHA] kubelet_evictions{eviction_signal=\"x\"} 5\n# TYPE kubelet_evictions counter\n" + buildInfo,
			Metrics{Version: "v1.37.2"}},
		"evictions by signal": {
			"kubelet_evictions{eviction_signal=\"memory.available\"} 12\nkubelet_evictions{eviction_signal=\"ephemeralpodfs.limit\"} 0\n" + buildInfo,
			Metrics{"v1.37.2", map[string]int64{"memory.available": 12, "ephemeralpodfs.limit": 0}}},
		"many":                {`kubelet_evictions{eviction_signal="a"} 1.234567e+06` + "\n" + buildInfo, Metrics{"v1.37.2", map[string]int64{"a": 1234567}}},
		"a time behind it":    {`kubelet_evictions{eviction_signal="a"} 5 1395066363000` + "\n" + buildInfo, Metrics{"v1.37.2", map[string]int64{"a": 5}}},
		"other labels":        {`kubelet_evictions{x="}",eviction_signal="a",y="eviction_signal=\"b\""} 5` + "\n" + buildInfo, Metrics{"v1.37.2", map[string]int64{"a": 5}}},
		"white space":         {"kubelet_evictions { eviction_signal = \"a\" , } \t5\r\n" + buildInfo, Metrics{"v1.37.2", map[string]int64{"a": 5}}},
		"escapes":             {`kubelet_evictions{eviction_signal="a\\\"\nb"} 5` + "\n" + buildInfo, Metrics{"v1.37.2", map[string]int64{"a\\\"\nb": 5}}},
		"one signal twice":    {"kubelet_evictions{eviction_signal=\"a\",x=\"1\"} 5\nkubelet_evictions{eviction_signal=\"a\",x=\"2\"} 6\n" + buildInfo, Metrics{"v1.37.2", map[string]int64{"a": 11}}},
		"names shown alike":   {"kubelet_evictions{eviction_signal=\"a\xff\"} 5\nkubelet_evictions{eviction_signal=\"a\xfe\"} 6\n" + buildInfo, Metrics{"v1.37.2", map[string]int64{"a\uFFFD": 11}}},
		"more than there can": {strings.Repeat("kubelet_evictions{eviction_signal=\"a\"} 9e18\n", 3) + buildInfo, Metrics{"v1.37.2", map[string]int64{"a": 1 << 62}}},
		"longer names":        {"kubelet_evictions_sum{eviction_signal=\"a\"} 5\nkubernetes_build_info_x{git_version=\"v0\"} 1\n" + buildInfo, Metrics{Version: "v1.37.2"}},
		"an old kubelet":      {`kubernetes_build_info{buildDate="2019",gitVersion="v1.15.0"} 1` + "\n", Metrics{Version: "v1.15.0"}},
		"half a line at last": {buildInfo + `kubelet_evictions{eviction_signal="a"} 5`, Metrics{Version: "v1.37.2"}},
		"a line without end in between": {
			"# HELP x " + strings.Repeat("y", 1<<20) + "\nx{y=\"" + strings.Repeat("kubelet_evictions ", 1<<16) + "\"} 1\n" + buildInfo,
			Metrics{Version: "v1.37.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseMetrics(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTextThatIsNoKubeletsMetricsIsAnError(t *testing.T) {
	var many strings.Builder
	for i := range 65 {
		fmt.Fprintf(&many, "kubelet_evictions{eviction_signal=\"%d\"} 1\n", i)
	}
	for text, want := range map[string]string{
		"":                                       "not a kubelet's metrics",
		"<html>\n":                               "not a kubelet's metrics",
		"node_load1 0.5\n":                       "not a kubelet's metrics",
		"kubernetes_build_info{} 1\n":            "not a kubelet's metrics",
		"kubernetes_build_info{git_version=\"v1": "not a kubelet's metrics",
		"kubernetes_build_info{git_version=\"v1\n":          `kubernetes_build_info{git_version="v1: label git_version: its value is not in quotes`,
		"kubernetes_build_info{git_version=v1} 1\n":         "label git_version: its value is not in quotes",
		"kubernetes_build_info{git_version\n":               "labels without an end",
		"kubelet_evictions{x=\"a\"} 1\n":                    "no eviction_signal",
		many.String():                                       "more than 64 signals",
		"kubelet_evictions{eviction_signal=\"a\"} \n":       "one value is wanted",
		"kubelet_evictions{eviction_signal=\"a\"} 1 2 3\n":  "one value is wanted",
		"kubelet_evictions{eviction_signal=\"a\"} many\n":   `"many" is not a value`,
		"kubelet_evictions{eviction_signal=\"a\"} NaN\n":    "NaN is no number of pods",
		"kubelet_evictions{eviction_signal=\"a\"} -1\n":     "-1 is no number of pods",
		"kubelet_evictions{eviction_signal=\"a\"} 1e+300\n": "1e+300 is no number of pods",
		"kubelet_evictions{eviction_signal=\"a\"} +Inf\n":   "+Inf is no number of pods",
	} {
		if m, err := parseMetrics(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, error is %v, want one with %q", text, m, err, want)
		}
	}
}

// What a kubelet 1.37.2 answered, shortened; it had evicted nothing, so that the
// lines that say so are as its source has them.
func TestRecordedMetrics(t *testing.T) {
	data := recordedMetrics(t)
	want := Metrics{"v1.37.2", map[string]int64{"memory.available": 12, "nodefs.available": 3}}
	for name, r := range map[string]io.Reader{
		"at once":      bytes.NewReader(data),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(data)),
	} {
		got, err := parseMetrics(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func recordedMetrics(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// What Prometheus's own parser reads is read as the same.
func FuzzParseMetrics(f *testing.F) {
	for _, seed := range []string{
		buildInfo,
		"kubelet_evictions{eviction_signal=\"a\\\\\\\"\\n\",} 1e+06 1395066363000\n" + buildInfo,
		"kubelet_evictions 5\n" + buildInfo,
		"# TYPE kubelet_evictions counter\nkubelet_evictions{x=\"}\", eviction_signal = \"b\"} 5\n" + buildInfo,
		"{\"kubelet_evictions\",eviction_signal=\"b\"} 5\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, refused := parser.TextToMetricFamilies(bytes.NewReader(data))
		got, err := parseMetrics(bytes.NewReader(data))
		if refused != nil || err != nil || bytes.Contains(data, []byte(`{"`)) {
			return // names in quotes, as in UTF-8 exposition, are another format
		}
		var want map[string]int64
		for _, m := range families["kubelet_evictions"].GetMetric() {
			signal := ""
			for _, l := range m.GetLabel() {
				if l.GetName() == "eviction_signal" {
					signal = l.GetValue()
				}
			}
			if want == nil {
				want = make(map[string]int64)
			}
			// Whichever type the text declares.
			want[signal] += int64(m.GetCounter().GetValue() + m.GetUntyped().GetValue() + m.GetGauge().GetValue())
		}
		if diff := cmp.Diff(want, got.Evictions); diff != "" {
			t.Error(diff)
		}
	})
}

// 500 kB, as a kubelet has with some dozens of pods.
func BenchmarkMetrics(b *testing.B) {
	data := recordedMetrics(b)
	others, _, _ := bytes.Cut(data, []byte("# HELP kubelet_evictions"))
	data = append(bytes.Repeat(others, 500_000/len(others)), data...)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseMetrics(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
