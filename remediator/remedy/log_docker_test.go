package remedy

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/node"
)

// labels are those that a kubelet gives a container of Docker's.
func kubernetesLabels(namespace, pod, uid, container string) string {
	return fmt.Sprintf(`"io.kubernetes.container.name":%q,"io.kubernetes.pod.namespace":%q,"io.kubernetes.pod.name":%q,"io.kubernetes.pod.uid":%q`,
		container, namespace, pod, uid)
}

// somePods says which pods there are.
type somePods []node.Pod

func (p *somePods) Pods(context.Context) ([]node.Pod, error) { return *p, nil }

func TestDockersLogsAreLeftAloneLikeTheKubelets(t *testing.T) {
	shop := kubernetesLabels("shop", "web", "u1", "web")
	for sentence, tc := range map[string]struct {
		name, labels string
		arrange      func(l logs)
		reason       string // "" lets them go
	}{
		"a pod's container":                   {"k8s_web_web_shop_u1_0", shop, nil, ""},
		"one that no kubelet made":            {"web", "", nil, ""},
		"an excluded namespace":               {"k8s_x", kubernetesLabels("prod", "web", "u2", "web"), nil, "excludeNamespaces names prod"},
		"a pod that has opted out":            {"k8s_x", kubernetesLabels("shop", "ledger", "u3", "web"), nil, hasOptedOut},
		"an API server":                       {"k8s_x", kubernetesLabels("kube-system", "cp", "u4", apiServer), nil, mayBeAudit},
		"an API server that no kubelet made":  {apiServer, "", nil, mayBeAudit},
		"Docker's record is not there":        {"web", "", func(l logs) { os.Remove(l.path(dockerID + "/" + dockerRecord)) }, "cannot tell whose"},
		"it is of somebody who is not Docker": {"web", "", func(l logs) { os.WriteFile(l.path(dockerID+"/"+dockerRecord), []byte("{}"), 0o600) }, "names no container"},
		"it is half written":                  {"web", "", func(l logs) { os.WriteFile(l.path(dockerID+"/"+dockerRecord), []byte(`{"ID":`), 0o600) }, "cannot tell whose"},
		"it is a link": {"web", "", func(l logs) {
			os.Rename(l.path(dockerID+"/"+dockerRecord), l.path("elsewhere"))
			os.Symlink("../elsewhere", l.path(dockerID+"/"+dockerRecord))
		}, "cannot tell whose"},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLogs(t)
			l.node.Pods = &somePods{{Namespace: "shop", Name: "ledger", UID: "u3", Annotations: map[string]string{optOutKey: "true"}}}
			l.docker(dockerID, tc.name, tc.labels)
			log := dockerID + "/" + dockerID + "-json.log"
			start(t, "append", l.write(log, 4096)).act()
			l.write(log+".1", 4)
			l.write(log+".2", 4)
			if tc.arrange != nil {
				tc.arrange(l)
			}
			r := with(t, func(s *logSettings) { s.ExcludeNamespaces = []string{"prod"} })
			plan := l.plan(r, l.bytes(all))
			if tc.reason == "" {
				if want := []string{"remove " + log + ".2", "truncate " + log}; cmp.Diff(want, l.effects(plan)) != "" {
					t.Errorf("%q, not %q", l.effects(plan), want)
				}
				return
			}
			if len(plan.Items) > 0 {
				t.Errorf("it would %q", l.effects(plan))
			}
			noted(t, plan.Notes, tc.reason, dockerID)
		})
	}
}

func TestAPodOfDockersThatOptsOutAfterThePlanIsLeftAlone(t *testing.T) {
	l := newLogs(t)
	pods := &somePods{{Namespace: "shop", Name: "web", UID: "u1"}}
	l.node.Pods = pods
	l.docker(dockerID, "k8s_x", kubernetesLabels("shop", "web", "u1", "web"))
	log := dockerID + "/" + dockerID + "-json.log"
	start(t, "append", l.write(log, 4096)).act()
	l.write(log+".1", 4)
	l.write(log+".2", 4)
	plan := l.plan(LogReclaim{}, l.bytes(all))
	if len(plan.Items) != 2 {
		t.Fatalf("it would %q", l.effects(plan))
	}
	(*pods)[0].Annotations = map[string]string{optOutKey: "true"}
	before := l.manifest()
	_, notes := l.apply(LogReclaim{}, plan, nil)
	if diff := cmp.Diff(before, l.manifest()); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(strings.Join(notes, " "), hasOptedOut) {
		t.Errorf("%q", notes)
	}
}
