package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
	image := Image{
		Name: "localhost/x:1", Entrypoint: []string{"/program"}, Args: []string{"log", "10"}, User: "65534:65534",
		Files: []File{{"tmp/", 0o777, nil}, {"program", 0o755, []byte("#!static\n")}},
	}
	var out bytes.Buffer
	if err := image.Write(&out); err != nil {
		t.Fatal(err)
	}
	files := untar(t, out.Bytes())
	follow := func(d descriptor) []byte {
		data, ok := files["blobs/sha256/"+d.Digest[len("sha256:"):]]
		if !ok || int64(len(data)) != d.Size || Digest(data) != d.Digest {
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
		Config struct {
			Entrypoint, Cmd []string
			User            string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	decode(t, follow(manifest.Config), &config)
	layer := follow(manifest.Layers[0])
	c := config.Config
	if config.RootFS.DiffIDs[0] != Digest(layer) || c.Entrypoint[0] != "/program" || c.Cmd[1] != "10" || c.User != image.User {
		t.Errorf("config %+v", config)
	}
	inside := untar(t, layer)
	if _, folder := inside["tmp/"]; len(inside) != 2 || !folder || string(inside["program"]) != "#!static\n" {
		t.Errorf("the layer has %q", inside)
	}
}

func TestTheSameFilesMakeTheSameImage(t *testing.T) {
	var images [2]bytes.Buffer
	for i := range images {
		if err := (Image{Name: "x:1", Files: []File{{"program", 0o755, []byte("x")}}}).Write(&images[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(images[0].Bytes(), images[1].Bytes()) {
		t.Error("they differ")
	}
}
