//go:build e2e

package pod

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/product"
)

// apply makes the image, as make image does, under the name that the manifest has, puts it onto the
// node, applies the manifest with the lab's folders for the node's, and waits for
// the pod to be ready.
func (d *deployed) apply(t *testing.T) {
	t.Helper()
	objects := d.manifest(t, "", "")
	image, err := product.Image(name(objects), d.program)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.node.Import(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if err := d.cluster.Put(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	d.ready(t)
}

// manifest reads deploy/kubernetes/exporter.yaml. Nothing of it changes but where
// the node's folders are, and what a test changes.
func (d *deployed) manifest(t *testing.T, from, to string) (objects []map[string]any) {
	t.Helper()
	root, err := product.Root()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(root, "deploy/kubernetes/exporter.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		t.Fatalf("the manifest has no %q", from)
	}
	folders := strings.NewReplacer("path: /var/lib/kubelet,", "path: "+d.node.RootDir()+",", "path: /var/lib/containerd,", "path: "+d.node.ContainerdRoot()+",")
	objects, err = cluster.Documents([]byte(folders.Replace(strings.Replace(string(data), from, to, 1))))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// name is that of the image of the manifest's only container.
func name(objects []map[string]any) string {
	for _, object := range objects {
		if object["kind"] == "DaemonSet" {
			containers := at(object, "spec", "template", "spec")["containers"].([]any)
			return containers[0].(map[string]any)["image"].(string)
		}
	}
	return ""
}

func at(object map[string]any, path ...string) map[string]any {
	for _, key := range path {
		object = object[key].(map[string]any)
	}
	return object
}

// ready waits for the DaemonSet to have one pod, another than before, which is
// ready, and remembers it.
func (d *deployed) ready(t *testing.T) {
	t.Helper()
	wait(t, "the exporter's pod to be ready", func(ctx context.Context) error {
		pods, err := d.cluster.Pods(ctx, "metadata.namespace=headroom,spec.nodeName="+d.node.Name)
		if err != nil {
			return err
		}
		if len(pods) != 1 || !pods[0].Ready() || pods[0].Metadata.UID == d.pod.Metadata.UID {
			return fmt.Errorf("there are %+v", pods)
		}
		d.pod, d.address = pods[0], net.JoinHostPort(pods[0].Status.PodIP, "10910")
		return nil
	})
}
