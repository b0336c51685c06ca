package cluster

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
)

// Observer names what may read the kubelets and nothing else: a ServiceAccount
// in kube-system, and the user of a certificate.
const Observer = "headroom-exporter"

// Token is the file with the token of the ServiceAccount Observer. Its role
// allows nodes/configz, nodes/stats and nodes/metrics.
func (c *Cluster) Token() string { return filepath.Join(c.Dir, "pki", "observer.token") }

// Certificate is that of a user who may do what the ServiceAccount Observer may.
func (c *Cluster) Certificate() KeyPair {
	return KeyPair{filepath.Join(c.Dir, "pki", "observer.crt"), filepath.Join(c.Dir, "pki", "observer.key")}
}

// Stranger is the certificate of a user whom everybody knows and who may do
// nothing.
func (c *Cluster) Stranger() KeyPair {
	return KeyPair{filepath.Join(c.Dir, "pki", "stranger.crt"), filepath.Join(c.Dir, "pki", "stranger.key")}
}

// access makes the ServiceAccount, its role and token, and the certificates.
func (c *Cluster) access(ctx context.Context) error {
	if _, err := c.ca.pair("observer", Observer, nil); err != nil {
		return err
	}
	if _, err := c.ca.pair("stranger", "stranger", nil); err != nil {
		return err
	}
	named := map[string]any{"name": Observer}
	account := map[string]any{"kind": "ServiceAccount", "name": Observer, "namespace": "kube-system"}
	for _, object := range []struct {
		path string
		body map[string]any
	}{
		{"/api/v1/namespaces/kube-system/serviceaccounts", map[string]any{"metadata": named}},
		{"/apis/rbac.authorization.k8s.io/v1/clusterroles", map[string]any{"metadata": named, "rules": []any{map[string]any{
			"apiGroups": []string{""}, "verbs": []string{"get"},
			"resources": []string{"nodes/configz", "nodes/stats", "nodes/metrics"},
		}}}},
		{"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", map[string]any{
			"metadata": named,
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": Observer},
			"subjects": []any{account, map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": Observer}},
		}},
	} {
		// The namespace is made by the API server itself, a moment after it is ready.
		err := Wait(ctx, "room for "+object.path, func(ctx context.Context) error { return c.Create(ctx, object.path, object.body) })
		if err != nil {
			return err
		}
	}
	var answer struct{ Status struct{ Token string } }
	request := map[string]any{"spec": map[string]any{"expirationSeconds": 365 * 24 * 3600}}
	err := c.Do(ctx, http.MethodPost, "/api/v1/namespaces/kube-system/serviceaccounts/"+Observer+"/token", request, &answer)
	if err != nil {
		return err
	}
	return os.WriteFile(c.Token(), []byte(answer.Status.Token), 0o600)
}

// ExporterFlags point headroom-exporter, run here, at the node, as Observer.
func (n *Node) ExporterFlags() []string { return n.Flags(n.cluster.Token()) }

// Flags point either of our programs, run here, at the node, with a token from a
// file.
func (n *Node) Flags(tokenFile string) []string {
	return []string{
		"--path.nodefs=" + n.RootDir(), "--path.imagefs=" + n.ContainerdRoot(),
		"--kubelet.url=" + n.URL, "--kubelet.ca-file=" + n.cluster.CA(), "--kubelet.token-file=" + tokenFile,
	}
}
