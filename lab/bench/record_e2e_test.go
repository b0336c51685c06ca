//go:build e2e

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

var update = flag.Bool("update", false, "write what the kubelet says instead of comparing the recordings with it")

func TestMain(m *testing.M) { os.Exit(cluster.Main(m.Run)) }

func TestRecordingsHaveWhatAKubeletSays(t *testing.T) {
	c := cluster.Start(t)
	n := c.StartNode(t, cluster.NodeConfig{Layout: cluster.OneDisk, Kubelet: map[string]any{"volumeStatsAggPeriod": "5s"}})
	get := func(path string) []byte {
		data, err := n.Get(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	c.StartPods(t, recordedPods(n))
	var summary []byte
	err := cluster.Wait(t.Context(), "the kubelet to know all of its pods", func(context.Context) error {
		summary = get(summaryPath)
		return whole(summary)
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics, configz := get(metricsPath), []byte(anywhere(c, n).Replace(string(get(configzPath))))
	if *update {
		write(t, "configz.json", configz)
		write(t, "summary.json", summary)
		write(t, "metrics.txt.gz", packed(t, metrics))
		return // what is in this program is the old ones
	}
	r, err := readRecordings()
	if err != nil {
		t.Fatal(err)
	}
	for path, said := range map[string][2][]byte{configzPath: {r.configz, configz}, summaryPath: {r.summary, summary}} {
		if diff := cmp.Diff(shape(t, said[0]), shape(t, said[1])); diff != "" {
			t.Errorf("%s has other fields than were recorded (-recorded +said): %s", path, diff)
		}
	}
	if diff := cmp.Diff(versionIn(r.metrics), versionIn(metrics)); diff != "" {
		t.Errorf("another kubelet's metrics were recorded (-recorded +said): %s", diff)
	}
}

// recordedPods are two pods of five containers, of which each is busy with
// something else.
func recordedPods(n *cluster.Node) cluster.Workload {
	return cluster.Workload{Name: "shop-backend", Node: n, Replicas: 2, Containers: map[string][]string{
		"app":     {"write", "/data/app", "1000000"},
		"cache":   {"memory", "20000000"},
		"proxy":   {"log", "300000"},
		"logging": {"log", "10000"},
		"metrics": {"pause"},
	}}
}

// anywhere replaces what is so in the lab alone by what is usual.
func anywhere(c *cluster.Cluster, n *cluster.Node) *strings.Replacer {
	return strings.NewReplacer(
		n.RootDir(), "/var/lib/kubelet", n.PodLogs(), "/var/log/pods", n.Socket(), "/run/containerd/containerd.sock",
		n.Dir, "/etc/kubernetes", filepath.Dir(c.CA()), "/etc/kubernetes/pki", n.Cgroup(), cgroupRoot,
		`"volumeStatsAggPeriod":"5s"`, `"volumeStatsAggPeriod":"1m0s"`)
}

// whole says what a summary lacks that a kubelet knows after a while.
func whole(summary []byte) error {
	var s struct {
		Pods []struct {
			Containers   []struct{ CPU, Memory, IO struct{ PSI any } }
			Volume       []any
			ProcessStats any `json:"process_stats"`
			Network      any
		}
	}
	if err := json.Unmarshal(summary, &s); err != nil {
		return err
	}
	if len(s.Pods) != 2 {
		return fmt.Errorf("%d pods", len(s.Pods))
	}
	for _, p := range s.Pods {
		if len(p.Containers) != podContainers || len(p.Volume) != 2 || p.ProcessStats == nil || p.Network == nil {
			return fmt.Errorf("%d containers, %d volumes, processes %v, network %v", len(p.Containers), len(p.Volume), p.ProcessStats, p.Network)
		}
		for _, c := range p.Containers {
			if c.CPU.PSI == nil || c.Memory.PSI == nil || c.IO.PSI == nil {
				return errors.New("a container whose pressure is unknown")
			}
		}
	}
	return nil
}

// shape returns the fields of a document, each once.
func shape(t *testing.T, document []byte) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]bool)
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, below := range v {
				walk(path+"."+name, below)
			}
		case []any:
			for _, below := range v {
				walk(path+"[]", below)
			}
		default:
			fields[path] = true
		}
	}
	walk("", v)
	return slices.Sorted(maps.Keys(fields))
}

func versionIn(metrics []byte) string {
	for line := range strings.Lines(string(metrics)) {
		if strings.HasPrefix(line, "kubernetes_build_info{") {
			_, version, _ := strings.Cut(line, `git_version="`)
			version, _, _ = strings.Cut(version, `"`)
			return version
		}
	}
	return ""
}

func packed(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data) // into memory: no errors
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join("testdata", name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
