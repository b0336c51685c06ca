//go:build e2e

package remedies

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/product"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// The kubelet's own list is the API server's, for whom the shipped role names, who
// may read thresholds as well and nothing else; who may not is told what it takes.
func TestPodsOfARealKubelet(t *testing.T) {
	p := newPlace(t)
	p.publish(1, "web:1")
	p.run("web", "web:1")
	stranger := kubelet.Options{URL: p.node.URL, CAFile: p.cluster.CA(), CertFile: p.cluster.Stranger().Cert, KeyFile: p.cluster.Stranger().Key}
	v, err := kubelet.NewViewer(stranger)
	p.must(err)
	if _, err := v.Pods(t.Context()); err == nil || !strings.Contains(err.Error(), `"get" on nodes/pods`) {
		t.Errorf("a stranger: %v", err)
	}
	root, err := product.Root()
	p.must(err)
	file := filepath.Join(t.TempDir(), "token")
	p.must(p.cluster.Deploy(t.Context(), filepath.Join(root, "deploy", "kubernetes", "remediator.yaml"), file))
	shipped := kubelet.Options{URL: p.node.URL, CAFile: p.cluster.CA(), TokenFile: file}
	v, err = kubelet.NewViewer(shipped)
	p.must(err)
	var got []node.Pod
	p.must(cluster.Wait(t.Context(), "the kubelet to hear of the role", func(ctx context.Context) (err error) {
		got, err = v.Pods(ctx)
		return err
	}))
	if _, err := v.Summary(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("the shipped role may read the summary, which the remediator does not need: %v", err)
	}
	source, err := kubelet.NewSource(shipped)
	p.must(err)
	p.must(source.Refresh(t.Context()))
	want, err := p.node.Pods(t.Context())
	p.must(err)
	if len(got) != len(want) {
		t.Fatalf("%d pods, and the API server has %d", len(got), len(want))
	}
	for _, w := range want {
		at := slices.IndexFunc(got, func(g node.Pod) bool { return g.UID == w.Metadata.UID })
		if at < 0 || got[at].Name != w.Metadata.Name || got[at].Namespace != w.Metadata.Namespace || got[at].Over || !slices.Equal(got[at].Images, []string{w.Spec.Containers[0].Image}) {
			t.Errorf("%s: %+v", w.Metadata.Name, got)
		}
	}
}
