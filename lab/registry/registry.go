// Package registry is a small image registry for the lab: it serves what it was
// given, in plain HTTP, as the OCI distribution specification has it for pulling,
// and counts what is pulled.
//
//	r := registry.Start(t, c.Address())
//	image, err := c.Make(ctx, cluster.Image{Name: r.Host() + "/app:1", Ballast: 64 << 20})
//	…
//	err = r.Add(image)
//	err = n.Trust(r.Host()) // this node's containerd pulls from it
//	c.StartPods(t, cluster.Workload{Name: "app", Node: n, Image: r.Host() + "/app:1", Pull: "IfNotPresent"})
//	r.Pulls() // map[app:1:1]
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/nodeheadroom/headroom/lab/oci"
)

// A Registry may be used from several goroutines.
type Registry struct {
	server *http.Server
	host   string
	dir    string // of blobs, by their digests

	mu    sync.Mutex
	names map[string]string // digests of manifests, by repository and tag as in app:1
	pulls map[string]int    // by the same
}

// T is what Start needs of a *testing.T.
type T interface {
	Helper()
	TempDir() string
	Cleanup(func())
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// Start serves a registry at an address of this machine, on a free port, as long
// as the test runs.
func Start(t T, address string) *Registry {
	t.Helper()
	r, err := Serve(address, t.TempDir())
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("registry: %v", err)
		}
	})
	return r
}

// Serve serves a registry that keeps what it is given in dir, on a free port of
// address, until it is closed.
func Serve(address, dir string) (*Registry, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	r := &Registry{host: l.Addr().String(), dir: dir, names: make(map[string]string), pulls: make(map[string]int)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/", r.serve) // HEAD, too
	r.server = &http.Server{Handler: mux}
	go r.server.Serve(l)
	return r, nil
}

// Close ends it, pulls under way included. What it kept stays where it is.
func (r *Registry) Close() error { return r.server.Close() }

// Host is what its images' names begin with: address and port.
func (r *Registry) Host() string { return r.host }

// Add keeps an image, whose name must begin with Host and end with a tag. One of
// the same name is replaced.
func (r *Registry) Add(image oci.Image) error {
	name, ours := strings.CutPrefix(image.Name, r.host+"/")
	if !ours || !strings.Contains(name, ":") {
		return fmt.Errorf("registry: %s: a name here is %s/…:tag", image.Name, r.host)
	}
	blobs, err := image.Blobs()
	if err != nil {
		return fmt.Errorf("registry: %s: %w", image.Name, err)
	}
	for _, blob := range [][]byte{blobs.Layer, blobs.Config, blobs.Manifest} {
		if err := os.WriteFile(r.file(oci.Digest(blob)), blob, 0o644); err != nil {
			return fmt.Errorf("registry: %s: %w", image.Name, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[name] = oci.Digest(blobs.Manifest)
	return nil
}

// Pulls counts how often each image was pulled, by repository and tag: app:1. A
// runtime that has an image already and only asks which one a tag stands for does
// not count.
func (r *Registry) Pulls() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.pulls)
}

func (r *Registry) file(digest string) string {
	return filepath.Join(r.dir, strings.TrimPrefix(digest, "sha256:"))
}

// serve answers
//
//	GET /v2/                         whether there is a registry
//	GET /v2/NAME/manifests/REFERENCE a manifest by tag or digest
//	GET /v2/NAME/blobs/DIGEST
func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	if path == "" {
		return
	}
	if name, reference, ok := strings.Cut(path, "/manifests/"); ok {
		digest := r.manifest(name, reference, req.Method == http.MethodGet)
		w.Header().Set("Content-Type", oci.ManifestType)
		r.blob(w, req, digest)
		return
	}
	_, digest, _ := strings.Cut(path, "/blobs/")
	w.Header().Set("Content-Type", "application/octet-stream")
	r.blob(w, req, digest)
}

// manifest returns the digest of the manifest that is meant, "" for none, and
// counts it where it is fetched.
func (r *Registry) manifest(name, reference string, fetched bool) (found string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for tagged, digest := range r.names {
		repository, tag, _ := strings.Cut(tagged, ":")
		if repository != name || reference != tag && reference != digest {
			continue
		}
		found = digest
		if fetched {
			r.pulls[tagged]++
		}
	}
	return found
}

func (r *Registry) blob(w http.ResponseWriter, req *http.Request, digest string) {
	hex := strings.TrimPrefix(digest, "sha256:")
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		refuse(w)
		return
	}
	f, err := os.Open(r.file(digest))
	if errors.Is(err, os.ErrNotExist) {
		refuse(w)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Docker-Content-Digest", digest)
	http.ServeContent(w, req, "", st.ModTime(), f)
}

func refuse(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"code": "NAME_UNKNOWN"}}})
}
