package shipped

import (
	"strings"
	"testing"
)

const exposition = `# TYPE headroom_ratio gauge
headroom_ratio{signal="nodefs.available",eviction="hard"} 0.2
headroom_ratio{signal="memory.available",eviction="hard"} 0.3
# TYPE headroom_signal_available_bytes gauge
headroom_signal_available_bytes{signal="nodefs.available"} 1
# TYPE headroom_signal_available_pids gauge
headroom_signal_available_pids{signal="pid.available"} 1
# TYPE headroom_seconds histogram
headroom_seconds_bucket{signal="nodefs.available",le="+Inf"} 1
headroom_seconds_sum{signal="nodefs.available"} 1
headroom_seconds_count{signal="nodefs.available"} 1
`

func testVocabulary(t *testing.T) Vocabulary {
	t.Helper()
	v := Vocabulary{}
	if err := v.Scrape(strings.NewReader(exposition), "cluster", "node"); err != nil {
		t.Fatal(err)
	}
	v.Metric("up", "job", "node")
	return v
}

func TestCheckAccepts(t *testing.T) {
	v := testVocabulary(t)
	for _, expr := range []string{
		`headroom_ratio{eviction="hard",signal=~"nodefs.+",node="n1"}`,
		`{__name__=~"headroom_signal_available_(bytes|inodes|pids)",signal="pid.available"}`,
		`histogram_quantile(0.9, sum by (le, signal) (rate(headroom_seconds_bucket[5m])))`,
		`min by (cluster, node) (headroom_ratio) and on (node) up{job="anything"}`,
		`sum by (role) (label_replace(headroom_ratio, "role", "$1", "signal", "(.*)"))`,
		`headroom_ratio{signal="` + variable + `"}`,
		`1 + time()`,
	} {
		for _, err := range v.Check(expr) {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	v := testVocabulary(t)
	for sentence, tt := range map[string]struct{ expr, want string }{
		"an expression that does not parse":         {`sum(`, "parse error"},
		"a misspelt metric":                         {`rate(headroom_raito[5m])`, "headroom_raito: no such metric"},
		"a misspelt metric in a subquery":           {`max_over_time(min(headroom_raito)[1h:5m])`, "headroom_raito: no such metric"},
		"a pattern that no metric matches":          {`{__name__=~"headroom_signal_availble_.+"}`, "no such metric"},
		"a label that the metric does not have":     {`headroom_ratio{evict="hard"}`, "headroom_ratio has no label evict"},
		"a label that none of several metrics has":  {`{__name__=~"headroom_signal_.+",eviction="hard"}`, "has no label eviction"},
		"a value that the label never takes":        {`headroom_ratio{eviction="hrad"}`, "label eviction of headroom_ratio has no such value"},
		"a pattern that no value matches":           {`headroom_ratio{signal=~"nodfs.+"}`, "label signal of headroom_ratio has no such value"},
		"grouping by a label that is not there":     {`sum by (nod) (headroom_ratio)`, "by (nod)"},
		"matching on a label that one side has not": {`headroom_ratio and on (signal) up`, "on (signal): no metric in up"},
		"the histogram's own name":                  {`headroom_seconds`, "no such metric"},
		"buckets' label on a sum":                   {`headroom_seconds_sum{le="1"}`, "has no label le"},
	} {
		t.Run(sentence, func(t *testing.T) {
			problems := v.Check(tt.expr)
			if len(problems) == 0 {
				t.Fatalf("%s passed", tt.expr)
			}
			if !strings.Contains(problems[0].Error(), tt.want) {
				t.Errorf("%s: %v, want %q", tt.expr, problems[0], tt.want)
			}
		})
	}
}
