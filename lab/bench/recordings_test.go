package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

func recorded(t *testing.T) *recordings {
	t.Helper()
	r, err := readRecordings()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func multiplied(t *testing.T, pods int) *recordings {
	t.Helper()
	r, err := recorded(t).multiply(pods)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAsManyPodsAsRecordedDifferInTheirNamesAlone(t *testing.T) {
	before, after := recorded(t), multiplied(t, 2)
	var s struct{ Pods []struct{ PodRef identity } }
	if err := json.Unmarshal(before.summary, &s); err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for i, p := range s.Pods {
		renamed := p.PodRef.of(i)
		pairs = append(pairs, p.PodRef.Name, renamed.Replace(p.PodRef.Name), p.PodRef.UID, renamed.Replace(p.PodRef.UID))
	}
	if diff := cmp.Diff(strings.NewReplacer(pairs...).Replace(string(before.summary)), string(after.summary)); diff != "" {
		t.Errorf("the kubelet writes a summary differently: %s", diff)
	}
	if len(after.metrics) != len(before.metrics) {
		t.Errorf("metrics are %d bytes, recorded were %d", len(after.metrics), len(before.metrics))
	}
}

func TestEveryPodIsAnotherOne(t *testing.T) {
	r := multiplied(t, pods)
	s, err := kubelet.ParseSummary(bytes.NewReader(r.summary))
	if err != nil {
		t.Fatal(err)
	}
	of := make(map[headroom.Kind]map[string]bool)
	for _, c := range s.Consumers {
		if of[c.Kind] == nil {
			of[c.Kind] = make(map[string]bool)
		}
		of[c.Kind][c.Pod+" "+c.Container] = true
	}
	for kind, want := range map[headroom.Kind]int{
		headroom.Logs: pods * podContainers, headroom.WritableLayer: pods * podContainers,
		headroom.EmptyDir: pods, headroom.Processes: pods, headroom.Images: 1,
	} {
		if got := len(of[kind]); got != want {
			t.Errorf("%s: %d consumers, want %d", kind, got, want)
		}
	}
	series := parseSeries(string(r.metrics))
	logs := 0
	for name := range series {
		if strings.HasPrefix(name, "kubelet_container_log_filesystem_used_bytes{") {
			logs++
		}
	}
	if logs != pods*podContainers {
		t.Errorf("the metrics have logs of %d containers, want %d", logs, pods*podContainers)
	}
}

func TestEverySummarySaysSomethingElse(t *testing.T) {
	c := newChanging(multiplied(t, 3).summary)
	first, second := c.next(), c.next()
	if len(first) != len(c.text) || len(second) != len(c.text) {
		t.Fatalf("%d and %d bytes, want %d", len(first), len(second), len(c.text))
	}
	if bytes.Equal(first, second) {
		t.Error("two summaries are the same")
	}
	var consumers [2]int
	for i, text := range [][]byte{first, second} {
		s, err := kubelet.ParseSummary(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		consumers[i] = len(s.Consumers)
	}
	if consumers[0] != consumers[1] {
		t.Errorf("%d and %d consumers", consumers[0], consumers[1])
	}
}

func TestLogTellsWhoWasAnsweredWhat(t *testing.T) {
	k := &standIn{answers: make(map[question]answered)}
	for _, line := range []string{
		`msg="Listening on" address=127.0.0.1:1`,
		fmt.Sprintf(answeredLine, "a", summaryPath, 10),
		fmt.Sprintf(answeredLine, "a", summaryPath, 20),
		fmt.Sprintf(answeredLine, "b", summaryPath, 5),
		"http: TLS handshake error from 127.0.0.1:2: EOF",
	} {
		k.note(line)
	}
	if got := k.given("a", summaryPath); got != (answered{2, 30}) {
		t.Errorf("a was answered %+v", got)
	}
	if got := k.given("a", metricsPath); got != (answered{}) {
		t.Errorf("a was answered %+v of what it has not asked", got)
	}
}
