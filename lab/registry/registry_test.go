package registry

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/lab/oci"
)

// ask returns the status, the header and the body of an answer.
func ask(t *testing.T, method, url string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, body
}

// What a runtime does, step by step: a tag is resolved, the manifest fetched by
// its digest, then what the manifest names.
func TestAnImageIsPulled(t *testing.T) {
	r := Start(t, "127.0.0.1")
	image := oci.Image{Name: r.Host() + "/shop/app:1", Files: []oci.File{{Name: "program", Mode: 0o755, Data: []byte("x")}}}
	again := image
	again.Name = r.Host() + "/shop/app:2"
	for _, i := range []oci.Image{image, again} {
		if err := r.Add(i); err != nil {
			t.Fatal(err)
		}
	}
	base := "http://" + r.Host() + "/v2/"
	if code, _, _ := ask(t, http.MethodGet, base); code != http.StatusOK {
		t.Errorf("base: %d", code)
	}
	code, header, _ := ask(t, http.MethodHead, base+"shop/app/manifests/1")
	digest := header.Get("Docker-Content-Digest")
	if code != http.StatusOK || header.Get("Content-Type") != oci.ManifestType || len(r.Pulls()) != 0 {
		t.Errorf("resolve: %d %v, pulls %v", code, header, r.Pulls())
	}
	code, _, data := ask(t, http.MethodGet, base+"shop/app/manifests/1")
	if code != http.StatusOK || oci.Digest(data) != digest {
		t.Errorf("manifest: %d, %s where %s is wanted", code, oci.Digest(data), digest)
	}
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{manifest.Config.Digest, manifest.Layers[0].Digest} {
		if code, _, data := ask(t, http.MethodGet, base+"shop/app/blobs/"+want); code != http.StatusOK || oci.Digest(data) != want {
			t.Errorf("blob: %d, %s where %s is wanted", code, oci.Digest(data), want)
		}
	}
	if diff := cmp.Diff(map[string]int{"shop/app:1": 1}, r.Pulls()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotThereIsNotServed(t *testing.T) {
	r := Start(t, "127.0.0.1")
	for _, path := range []string{"app/manifests/1", "app/blobs/sha256:12", "app/blobs/../../registry.go", "x", "app/blobs/sha256:" + string(make([]byte, 64))} {
		req := &http.Request{Method: http.MethodGet, Header: http.Header{}, URL: &url.URL{Scheme: "http", Host: r.Host(), Path: "/v2/" + path}}
		answer, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			t.Errorf("%q is served", path)
		}
	}
	if err := r.Add(oci.Image{Name: "elsewhere/app:1"}); err == nil {
		t.Error("it takes an image of another registry")
	}
}
