package main

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
)

// What the exporter reads of a kubelet.
const (
	configzPath = "/configz"
	summaryPath = "/stats/summary"
	metricsPath = "/metrics"
)

// The node that is measured has so many pods, each of as many containers as the
// recorded ones.
const (
	pods          = 200
	podContainers = 5
)

//go:embed testdata/configz.json testdata/summary.json testdata/metrics.txt.gz
var testdata embed.FS

// recordings are a real kubelet's answers, on a node with two pods. One of them is
// not: the kubelet's cgroupRoot is this package's.
type recordings struct{ configz, summary, metrics []byte }

// readRecordings reads them as they are in this program.
func readRecordings() (*recordings, error) {
	r := &recordings{}
	var packed []byte
	for name, to := range map[string]*[]byte{"configz.json": &r.configz, "summary.json": &r.summary, "metrics.txt.gz": &packed} {
		data, err := testdata.ReadFile("testdata/" + name)
		if err != nil {
			return nil, err
		}
		*to = data
	}
	text, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("metrics.txt.gz: %w", err)
	}
	if r.metrics, err = io.ReadAll(text); err != nil {
		return nil, fmt.Errorf("metrics.txt.gz: %w", err)
	}
	return r, nil
}

// multiply makes n pods of those that were recorded, in the summary and in the
// metrics, with names of their own. All else stays as it was, to the byte.
func (r *recordings) multiply(n int) (*recordings, error) {
	var s struct {
		Node json.RawMessage   `json:"node"`
		Pods []json.RawMessage `json:"pods"`
	}
	if err := json.Unmarshal(r.summary, &s); err != nil {
		return nil, fmt.Errorf("summary.json: %w", err)
	}
	var identities []identity
	for _, pod := range s.Pods {
		var p struct{ PodRef identity }
		if err := json.Unmarshal(pod, &p); err != nil {
			return nil, fmt.Errorf("summary.json: %w", err)
		}
		identities = append(identities, p.PodRef)
	}
	recorded := s.Pods
	s.Pods = nil
	for i := range n {
		of := i % len(recorded)
		s.Pods = append(s.Pods, []byte(identities[of].of(i).Replace(string(recorded[of]))))
	}
	summary, err := json.MarshalIndent(s, "", " ") // as the kubelet does
	if err != nil {
		return nil, err
	}
	return &recordings{r.configz, summary, multiplyLines(r.metrics, identities, n)}, nil
}

// multiplyLines repeats the samples of the first pod for each pod.
func multiplyLines(metrics []byte, pods []identity, n int) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(metrics)) {
		switch {
		case strings.Contains(line, pods[0].UID):
			for i := range n {
				pods[0].of(i).WriteString(&out, line)
			}
		case !mentions(line, pods[1:]):
			out.WriteString(line)
		}
	}
	return out.Bytes()
}

func mentions(line string, pods []identity) bool {
	for _, p := range pods {
		if strings.Contains(line, p.UID) {
			return true
		}
	}
	return false
}

// An identity is what tells a pod from others.
type identity struct{ Name, UID string }

// of returns what makes a copy of the pod another one, with a name and a UID that
// are as long.
func (p identity) of(i int) *strings.Replacer {
	end := func(of string, digits int) string {
		return of[:len(of)-digits] + fmt.Sprintf("%0*d", digits, i)
	}
	return strings.NewReplacer(p.Name, end(p.Name, 5), p.UID, end(p.UID, 12))
}

// A changing document says something else every time, at the same length.
type changing struct {
	text          []byte
	counts, times [][]int // where they are
}

// What varies from one summary to the next: the end of what is counted of pods
// and node, and when it was.
var (
	counted = regexp.MustCompile(`"(?:usageNanoCores|usageCoreNanoSeconds|usageBytes|workingSetBytes|rssBytes|pageFaults|usedBytes|rxBytes|txBytes)": \d+?(\d{3})\b`)
	timed   = regexp.MustCompile(`"time": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"`)
)

func newChanging(text []byte) *changing {
	return &changing{text, counted.FindAllSubmatchIndex(text, -1), timed.FindAllSubmatchIndex(text, -1)}
}

// next may be called concurrently.
func (c *changing) next() []byte {
	text := bytes.Clone(c.text)
	for _, at := range c.counts {
		copy(text[at[2]:at[3]], fmt.Sprintf("%03d", rand.IntN(1000)))
	}
	now := time.Now().UTC().Format(time.RFC3339)
	for _, at := range c.times {
		copy(text[at[2]:at[3]], now)
	}
	return text
}
