//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

func TestConsumersAreThePodsThatUseTheDisks(t *testing.T) {
	t.Parallel()
	config := cluster.NodeConfig{Layout: cluster.TwoDisks, Kubelet: with(map[string]any{"volumeStatsAggPeriod": "1s"})}
	c, n := startNode(t, config)
	err := c.Create(t.Context(), "/api/v1/namespaces/default/configmaps", map[string]any{
		"metadata": map[string]any{"name": "words"},
		"data":     map[string]any{"words": strings.Repeat("word ", 20_000)},
	})
	if err != nil {
		t.Fatal(err)
	}
	const pod = "uses-it-all"
	c.StartPods(t, cluster.Workload{Name: pod, Node: n, Spec: map[string]any{
		"containers": []any{
			container("logs", "log", "3000000"),
			container("files", "write", "/data/file", "5000000"),
			container("inodes", "inodes", "/data", "321"),
			container("layer", "write", "/file", "7000000"),
			container("tmpfs", "write", "/memory/file", "20000000"),
		},
		"volumes": []any{
			map[string]any{"name": "data", "emptyDir": map[string]any{}},
			map[string]any{"name": "memory", "emptyDir": map[string]any{"medium": "Memory"}},
			map[string]any{"name": "words", "configMap": map[string]any{"name": "words"}},
		},
	}})
	e := startExporter(t, n, "--kubelet.summary-interval=30s", "--consumers=100")
	e.await(t, "who uses the disks", func(s samples) error {
		seen, err := usageOf(t, n, pod)
		if err != nil {
			return err
		}
		of := func(filesystem, kind, container string) []string {
			return []string{"filesystem", filesystem, "kind", kind, "namespace", "default", "pod", pod, "container", container}
		}
		logs, layer, data := seen.logs, seen.layer, of("nodefs", "emptyDir", "")
		return errors.Join(
			atLeast(logs.bytes, 3_000_000), atLeast(layer.bytes, 7_000_000), atLeast(seen.data.bytes, 5_000_000), atLeast(seen.data.inodes, 322), atLeast(seen.processes, 5),
			s.want(logs.bytes, "headroom_consumer_bytes", of("nodefs", "logs", "logs")...),
			s.want(logs.inodes, "headroom_consumer_inodes", of("nodefs", "logs", "logs")...),
			s.want(layer.bytes, "headroom_consumer_bytes", of("containerfs", "writable", "layer")...),
			s.want(layer.inodes, "headroom_consumer_inodes", of("containerfs", "writable", "layer")...),
			s.want(seen.processes, "headroom_consumer_pids", of("", "processes", "")...),
			// In what the kubelet says of a pod's volumes on nodefs the emptyDir cannot
			// be told from the configMap and /etc/hosts; from those in memory it can.
			within(s, seen.data.bytes, seen.data.bytes+seen.words.bytes+4096, "headroom_consumer_bytes", data...),
			within(s, seen.data.inodes, seen.data.inodes+seen.words.inodes+1, "headroom_consumer_inodes", data...),
			oneOfImages(s, "headroom_consumer_bytes"), oneOfImages(s, "headroom_consumer_inodes"),
		)
	})
}

// container is one of a pod that has three volumes.
func container(name string, args ...string) map[string]any {
	return map[string]any{
		"name": name, "image": cluster.WorkerImage, "imagePullPolicy": "Never", "args": args,
		"volumeMounts": []any{
			map[string]any{"name": "data", "mountPath": "/data"},
			map[string]any{"name": "memory", "mountPath": "/memory"},
			map[string]any{"name": "words", "mountPath": "/words"},
		},
	}
}
