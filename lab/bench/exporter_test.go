package main

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultsAreReadFromTheHelp(t *testing.T) {
	const help = `
      --kubelet.interval=30s     How often to read the thresholds' source again.
      --kubelet.summary-interval=5m  
                                 How often to ask --kubelet.url for its own
`
	for flag, want := range map[string]time.Duration{"--kubelet.interval": 30 * time.Second, "--kubelet.summary-interval": 5 * time.Minute} {
		if got, err := shipped(help, flag); got != want || err != nil {
			t.Errorf("%s is %s by default, %v; want %s", flag, got, err, want)
		}
	}
	if _, err := shipped(help, "--kubelet.metrics-interval"); err == nil {
		t.Error("a default was found that is not there")
	}
}

func TestOneSourceIsReadOftenAndTheOthersAreNot(t *testing.T) {
	want := []string{"--kubelet.interval=5m0s", "--kubelet.metrics-interval=10s", "--kubelet.summary-interval=5m0s"}
	if diff := cmp.Diff(want, every(metricsPath)); diff != "" {
		t.Error(diff)
	}
}

func TestSamplesAreSeries(t *testing.T) {
	got := parseSeries("# HELP a b\n# TYPE a gauge\na{path=\"/x y\"} 1\nb 2e+06\n\n")
	if diff := cmp.Diff(map[string]string{`a{path="/x y"}`: "1", "b": "2e+06"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestGoroutinesAreCountedAsAProgramTellsThem(t *testing.T) {
	s := &scraped{}
	for _, line := range []string{
		"SIGQUIT: quit", "", "goroutine 0 gp=0x1 m=0 mp=0x2 [idle]:", "runtime.futex(0x1)",
		"goroutine 1 gp=0xc0 m=nil [IO wait, 2 minutes]:", "created by main.main in goroutine 1", "goroutine 20 gp=0xc1 m=nil [select]:",
	} {
		s.note(line)
	}
	if s.goroutines != 2 {
		t.Errorf("%d goroutines, want 2", s.goroutines)
	}
}

func TestNothingButTheHungRoleMayBeMissing(t *testing.T) {
	with := map[string]string{
		`headroom_signal_available_bytes{signal="nodefs.available"}`:  "1",
		`headroom_signal_available_bytes{signal="memory.available"}`:  "2",
		`headroom_signal_available_bytes{signal="imagefs.available"}`: "3",
		`headroom_read_success{reader="nodefs"}`:                      "1",
		`headroom_read_success{reader="pid"}`:                         "1",
		`headroom_read_success{reader="memory"}`:                      "1",
		`headroom_ratio{signal="nodefs.available",eviction="hard"}`:   "0.5",
	}
	without := map[string]string{
		`headroom_signal_available_bytes{signal="imagefs.available"}`: "4",
		`headroom_read_success{reader="nodefs"}`:                      "0",
		`headroom_read_success{reader="pid"}`:                         "0",
		`headroom_read_success{reader="memory"}`:                      "1",
	}
	got := lost(with, without, "nodefs")
	slices.Sort(got)
	want := []string{`headroom_read_success{reader="pid"}`, `headroom_signal_available_bytes{signal="memory.available"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadersThatFailAreNamed(t *testing.T) {
	got := failing(map[string]string{
		`headroom_read_success{reader="memory"}`: "0", `headroom_read_success{reader="allocatable"}`: "0", `headroom_read_success{reader="pid"}`: "1",
		`headroom_read_duration_seconds{reader="pid"}`: "0",
	})
	if diff := cmp.Diff([]string{"allocatable", "memory"}, got); diff != "" {
		t.Error(diff)
	}
}
