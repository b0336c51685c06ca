package cluster

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// untar reads a whole tar.
func untar(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	in := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

// An image is followed from its index to the program, every digest held against
// what it stands for.
func TestAnImageLeadsFromItsNameToItsProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!static\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	image := Image{Name: "localhost/x:1", Program: program, Args: []string{"log", "10"}, Ballast: 1000}
	if err := image.write(&out); err != nil {
		t.Fatal(err)
	}
	files := untar(t, out.Bytes())
	follow := func(d descriptor) []byte {
		data, ok := files["blobs/sha256/"+d.Digest[len("sha256:"):]]
		if !ok || int64(len(data)) != d.Size || digest(data) != d.Digest {
			t.Fatalf("no blob %+v", d)
		}
		return data
	}
	var index struct{ Manifests []descriptor }
	decode(t, files["index.json"], &index)
	if got := index.Manifests[0].Annotations["io.containerd.image.name"]; got != image.Name {
		t.Errorf("its name is %q", got)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(t, follow(index.Manifests[0]), &manifest)
	var config struct {
		Config struct{ Entrypoint, Cmd []string }
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	decode(t, follow(manifest.Config), &config)
	layer := follow(manifest.Layers[0])
	if config.RootFS.DiffIDs[0] != digest(layer) || config.Config.Entrypoint[0] != "/program" || config.Config.Cmd[1] != "10" {
		t.Errorf("config %+v", config)
	}
	inside := untar(t, layer)
	if string(inside["program"]) != "#!static\n" || len(inside["ballast"]) != 1000 {
		t.Errorf("the layer has %d files, %d bytes of ballast", len(inside), len(inside["ballast"]))
	}
	if bytes.Equal(ballast("a", 100), ballast("b", 100)) || !bytes.Equal(ballast("a", 100), ballast("a", 100)) {
		t.Error("ballast is not of its name alone")
	}
}
