//go:build e2e

package pod

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// token is the one that the pod has.
func (d *deployed) token(t *testing.T) string {
	t.Helper()
	return read(t, filepath.Join(d.process(t), "root/var/run/secrets/headroom/token"))
}

// asksThree asks the kubelet with the pod's token, as somebody would who has
// stolen it.
func (d *deployed) asksThree(t *testing.T) {
	token := d.token(t)
	container := d.pod.Metadata.Namespace + "/" + d.pod.Metadata.Name + "/headroom-exporter"
	for path, want := range map[string]int{
		"/configz":          http.StatusOK,
		"/stats/summary":    http.StatusOK,
		"/metrics":          http.StatusOK,
		"/pods":             http.StatusForbidden,
		"/runningpods/":     http.StatusForbidden,
		"/logs/":            http.StatusForbidden,
		"/checkpoint/x":     http.StatusForbidden,
		"/debug/pprof/":     http.StatusForbidden,
		"/run/" + container: http.StatusForbidden,
		"/exec/" + container + "?command=/headroom-exporter&output=1": http.StatusForbidden,
		"/attach/" + container + "?output=1":                          http.StatusForbidden,
		"/portForward/" + container:                                   http.StatusForbidden,
		"/containerLogs/" + container:                                 http.StatusForbidden,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			wanted := want
			if method == http.MethodPost {
				wanted = http.StatusForbidden // even what may be read
			}
			if answer, got := ask(t, token, method, d.node.URL+path, ""); got != wanted {
				t.Errorf("%s %s answers %d, want %d: %.200s", method, path, got, wanted, answer)
			}
		}
	}
}

// ask sends a request with a token and returns the answer and its code.
func ask(t *testing.T, token, method, url, body string) (answer []byte, code int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // nobody else is there
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return answer, response.StatusCode
}

// A rule is one of what the API server says somebody may do.
type rule struct {
	Verbs, APIGroups, Resources, ResourceNames []string
}

// rules asks the API server what the owner of a token may do.
func (d *deployed) rules(t *testing.T, token string) []rule {
	t.Helper()
	answer, code := ask(t, token, http.MethodPost, d.cluster.URL+"/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
		`{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "headroom"}}`)
	var review struct {
		Status struct{ ResourceRules []rule }
	}
	if err := json.Unmarshal(answer, &review); err != nil || len(review.Status.ResourceRules) == 0 {
		t.Fatalf("the review answers %d %s: %v", code, answer, err)
	}
	return review.Status.ResourceRules
}

// asksNothing asks the API server what the pod's account may do, more than every
// account may, and about what an attacker would like most.
func (d *deployed) asksNothing(t *testing.T) {
	any := d.rules(t, d.account(t, "any"))
	more := slices.DeleteFunc(d.rules(t, d.token(t)), func(r rule) bool {
		return slices.ContainsFunc(any, func(a rule) bool { return cmp.Equal(a, r) })
	})
	want := []rule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"nodes/configz", "nodes/stats", "nodes/metrics"}}}
	if diff := cmp.Diff(want, more); diff != "" {
		t.Errorf("what it may do (-want +got):\n%s", diff)
	}
	for what, allowed := range map[string]bool{
		"get nodes/configz": true, "get nodes/stats": true, "get nodes/metrics": true,
		"get nodes/proxy": false, "create nodes/proxy": false, "get nodes/log": false, "get nodes/pods": false, "get nodes/healthz": false,
		"get nodes": false, "list nodes": false, "create nodes/configz": false, "update nodes/status": false,
		"get pods": false, "create pods/exec": false, "get secrets": false, "create serviceaccounts/token": false, "impersonate users": false,
	} {
		if got := d.may(t, what); got != allowed {
			t.Errorf("may it %s? %t", what, got)
		}
	}
}

// may asks, as kubectl auth can-i does, whether the pod's account may do
// something: a verb, a resource.
func (d *deployed) may(t *testing.T, what string) bool {
	t.Helper()
	verb, resource, _ := strings.Cut(what, " ")
	resource, subresource, _ := strings.Cut(resource, "/")
	var review struct{ Status struct{ Allowed bool } }
	err := d.cluster.Do(t.Context(), http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", map[string]any{"spec": map[string]any{
		"user": "system:serviceaccount:headroom:headroom-exporter", "groups": []string{"system:serviceaccounts", "system:authenticated"},
		"resourceAttributes": map[string]any{"namespace": "headroom", "verb": verb, "resource": resource, "subresource": subresource, "name": d.node.Name},
	}}, &review)
	if err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}
