package kubelet

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/node"
)

// somePods are as a kubelet writes them, shortened.
const somePods = `{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[
{"metadata":{"name":"web-1","namespace":"shop","uid":"u1","annotations":{"a":"b"}},
 "spec":{
  "volumes":[{"name":"data","emptyDir":{}},{"name":"model","image":{"reference":"quay.io/models/m:1","pullPolicy":"IfNotPresent"}}],
  "initContainers":[{"name":"init","image":"busybox"}],
  "containers":[{"name":"main","image":"registry.example/web@sha256:12"},{"name":"side","image":"busybox","resources":{}}],
  "ephemeralContainers":[{"name":"debug","image":"quay.io/debug:2"}]},
 "status":{"phase":"Pending"}},
{"metadata":{"name":"job","namespace":"shop","uid":"u2"},"spec":{"containers":[{"name":"main","image":"job:1"}]},"status":{"phase":"Succeeded"}},
{"metadata":{"name":"lost","namespace":"shop","uid":"u3"},"spec":{"containers":[{"name":"main","image":"job:1"}]},"status":{"phase":"Failed","reason":"Evicted"}},
{"metadata":{"name":"new","namespace":"shop","uid":"u4"},"spec":{"containers":[{"name":"main","image":"job:2"}]},"status":{}}]}
`

func TestPodsWantTheirImages(t *testing.T) {
	got, err := parsePods(strings.NewReader(somePods))
	want := []node.Pod{
		{Namespace: "shop", Name: "web-1", UID: "u1", Annotations: map[string]string{"a": "b"},
			Images: []string{"busybox", "registry.example/web@sha256:12", "quay.io/debug:2", "quay.io/models/m:1"}},
		{Namespace: "shop", Name: "job", UID: "u2", Images: []string{"job:1"}, Over: true},
		{Namespace: "shop", Name: "lost", UID: "u3", Images: []string{"job:1"}, Over: true},
		{Namespace: "shop", Name: "new", UID: "u4", Images: []string{"job:2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, none := range []string{`{"kind":"PodList","items":null}`, `{"kind":"PodList","items":[]}`} {
		if got, err := parsePods(strings.NewReader(none)); err != nil || len(got) != 0 {
			t.Errorf("%s: %v, %v", none, got, err)
		}
	}
}

func TestAnswerThatIsNoPodsIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"nothing":             {"", "unexpected EOF"},
		"a page":              {"<html>", "invalid character"},
		"a list":              {"[]", "where { is wanted"},
		"another kind":        {`{"kind":"Status","items":[]}`, `kind "Status"`},
		"no items":            {`{"kind":"PodList"}`, "PodList with items"},
		"items twice":         {`{"kind":"PodList","items":[],"items":[]}`, "twice"},
		"items that are none": {`{"kind":"PodList","items":{}}`, "where a list is wanted"},
		"another image":       {`{"kind":"PodList","items":[{"spec":{"containers":[{"image":7}]}}]}`, "items[0]: json: cannot unmarshal number"},
		"nobody's pod":        {`{"kind":"PodList","items":[{"metadata":{"name":"a"},"spec":{"containers":[{"image":"a"}]}}]}`, "without UID"},
		"a pod of nothing":    {`{"kind":"PodList","items":[{"metadata":{"name":"a","uid":"b"}}]}`, "without UID, name or containers"},
		"more than a list":    {`{"kind":"PodList","items":[]}{}`, "follows"},
		"garbage behind it":   {`{"kind":"PodList","items":[]}x`, "invalid character"},
	} {
		if got, err := parsePods(strings.NewReader(c.answer)); err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("%s: %v, error is %v, want one with %q", name, got, err, c.want)
		}
	}
	for n := range len(somePods) - 2 { // the last bytes are a bracket and a line's end
		if got, err := parsePods(strings.NewReader(somePods[:n])); err == nil || got != nil {
			t.Fatalf("after %d bytes: %v, %v", n, got, err)
		}
	}
}

func TestViewerAsksForPods(t *testing.T) {
	status := http.StatusOK
	server := kubeletWith(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/pods" || status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		io.WriteString(w, somePods)
	})
	v := viewer(t, Options{URL: server.URL, InsecureSkipVerify: true})
	if pods, err := v.Pods(t.Context()); len(pods) != 4 || err != nil {
		t.Error(pods, err)
	}
	status = http.StatusForbidden
	if _, err := v.Pods(t.Context()); err == nil || !strings.Contains(err.Error(), `"get" on nodes/pods (before Kubernetes 1.33: nodes/proxy)`) {
		t.Error(err)
	}
}

func FuzzParsePods(f *testing.F) {
	f.Add([]byte(somePods))
	f.Fuzz(func(t *testing.T, data []byte) {
		pods, err := parsePods(strings.NewReader(string(data)))
		for _, p := range pods {
			if err != nil || p.UID == "" {
				t.Errorf("%+v, %v", p, err)
			}
		}
	})
}
