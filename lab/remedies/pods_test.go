//go:build e2e

package remedies

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// The kubelet's own list is the API server's, for one who may read nodes/pods and
// nothing else; who may not is told what it takes.
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
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	named := map[string]any{"name": "pods-of-nodes"}
	p.must(p.cluster.Create(t.Context(), rbac+"clusterroles", map[string]any{"metadata": named, "rules": []any{map[string]any{
		"apiGroups": []string{""}, "verbs": []string{"get"}, "resources": []string{"nodes/pods"},
	}}}))
	p.must(p.cluster.Create(t.Context(), rbac+"clusterrolebindings", map[string]any{
		"metadata": named,
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "pods-of-nodes"},
		"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "stranger"}},
	}))
	t.Cleanup(func() {
		for _, kind := range []string{"clusterrolebindings", "clusterroles"} {
			p.cluster.Do(t.Context(), "DELETE", rbac+kind+"/pods-of-nodes", nil, nil)
		}
	})
	var got []node.Pod
	p.must(cluster.Wait(t.Context(), "the kubelet to hear of the role", func(ctx context.Context) (err error) {
		got, err = v.Pods(ctx)
		return err
	}))
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
