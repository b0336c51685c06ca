//go:build e2e

package pod

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/process/processtest"
	"github.com/nodeheadroom/headroom/lab/prometheus"
)

// accountDir is where a pod finds its ServiceAccount, and Prometheus inside a cluster
// looks for it.
const accountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// inCluster puts a token and the authority there and becomes a program.
const inCluster = `set -e
mkdir -p "$1" && cp "$2" "$1/token" && cp "$3" "$1/ca.crt"
shift 3
exec "$@"`

// isScraped starts Prometheus with deploy/prometheus/kubernetes.yml, to the byte,
// where it believes to be a pod: it must find the exporter by itself and call it
// by its node.
func (d *deployed) isScraped(t *testing.T) {
	server := d.prometheus(t)
	node := model.LabelValue(d.node.Name)
	for selector, want := range map[string]model.Metric{
		`up{job="headroom-exporter"}`: {"__name__": "up", "job": "headroom-exporter", "instance": node, "node": node},
		`node_signal:headroom_ratio:min{signal="nodefs.available"}`: {
			"__name__": "node_signal:headroom_ratio:min", "node": node, "signal": "nodefs.available", "filesystem": "nodefs",
		},
	} {
		wait(t, selector, func(ctx context.Context) error {
			found, err := server.Samples(ctx, selector, time.Minute)
			if err != nil {
				return err
			}
			if len(found) != 1 || found[0].Values[len(found[0].Values)-1].Value <= 0 {
				return fmt.Errorf("there is %v", found)
			}
			if diff := cmp.Diff(want, found[0].Metric); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			return nil
		})
	}
}

// prometheus starts Prometheus inside the node, whose /run is its own.
func (d *deployed) prometheus(t *testing.T) prometheus.Server {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(d.reader(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	program, args, err := prometheus.Command(t.TempDir(), "kubernetes.yml")
	if err != nil {
		t.Fatal(err)
	}
	line := append([]string{"-c", inCluster, "sh", accountDir, token, d.cluster.CA(), program, "--web.listen-address=" + d.node.Address + ":0"}, args...)
	cmd, err := d.node.Command(context.Background(), "/bin/sh", line...)
	if err != nil {
		t.Fatal(err)
	}
	api, err := url.Parse(d.cluster.URL)
	if err != nil {
		t.Fatal(err)
	}
	return prometheus.Server(processtest.Start(t, process.Options{
		Path: cmd.Path, Args: cmd.Args[1:],
		Env: append(cmd.Env, "KUBERNETES_SERVICE_HOST="+api.Hostname(), "KUBERNETES_SERVICE_PORT="+api.Port()),
	}))
}

// reader makes an account that may do what Prometheus's own documentation gives it
// for pods, and returns a token of it.
func (d *deployed) reader(t *testing.T) string {
	t.Helper()
	token := d.account(t, "prometheus")
	named := map[string]any{"name": "prometheus"}
	for path, object := range map[string]map[string]any{
		"/apis/rbac.authorization.k8s.io/v1/clusterroles": {"metadata": named, "rules": []any{
			map[string]any{"apiGroups": []string{""}, "resources": []string{"pods"}, "verbs": []string{"get", "list", "watch"}},
		}},
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings": {
			"metadata": named,
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "prometheus"},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": "prometheus", "namespace": "default"}},
		},
	} {
		if err := d.cluster.Create(t.Context(), path, object); err != nil {
			t.Fatal(err)
		}
	}
	return token
}

// account makes a ServiceAccount and returns a token of it.
func (d *deployed) account(t *testing.T, name string) (token string) {
	t.Helper()
	accounts := "/api/v1/namespaces/default/serviceaccounts"
	if err := d.cluster.Create(t.Context(), accounts, map[string]any{"metadata": map[string]any{"name": name}}); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Status struct{ Token string } }
	if err := d.cluster.Do(t.Context(), http.MethodPost, accounts+"/"+name+"/token", map[string]any{}, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Status.Token
}
