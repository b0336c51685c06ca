package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Images that every node has: there is no registry, so pods use imagePullPolicy
// Never. Both are the program lab/cluster/worker.
const (
	PauseImage  = "localhost/pause:1"
	WorkerImage = "localhost/worker:1"
)

// An Image is made on the spot.
type Image struct {
	Name string // with a tag, as in localhost/x:1
	// Program is a static binary that becomes /program and the entrypoint, the
	// worker if "".
	Program string
	Args    []string // the command
	// Ballast is that many bytes more, different in every image of another Name.
	Ballast int64
}

// Load puts an image into the node's containerd.
func (n *Node) Load(ctx context.Context, image Image) error {
	if image.Program == "" {
		program, err := n.cluster.worker(ctx)
		if err != nil {
			return err
		}
		image.Program = program
	}
	file, err := os.CreateTemp(n.cluster.Dir, "image-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := errors.Join(image.write(file), file.Close()); err != nil {
		return fmt.Errorf("image %s: %w", image.Name, err)
	}
	_, err = n.ctr(ctx, "images", "import", "--local", "--no-unpack=false", file.Name())
	return err
}

// images loads what every pod needs.
func (n *Node) images(ctx context.Context) error {
	if err := n.Load(ctx, Image{Name: PauseImage, Args: []string{"pause"}}); err != nil {
		return err
	}
	return n.Load(ctx, Image{Name: WorkerImage, Args: []string{"pause"}})
}

// worker builds the program lab/cluster/worker, static, once per lab.
func (c *Cluster) worker(ctx context.Context) (string, error) {
	binary := filepath.Join(c.Dir, "worker")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	source, err := source()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary+".new", "./cluster/worker")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	return binary, os.Rename(binary+".new", binary)
}

// source is the folder of this module, found from the working directory upwards:
// commands start in the repository, tests in the folder of their package.
func source() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		for _, module := range []string{at, filepath.Join(at, "lab")} {
			if _, err := os.Stat(filepath.Join(module, "cluster", "worker", "main.go")); err == nil {
				return module, nil
			}
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no lab/cluster/worker in %s or above it", dir)
		}
	}
}

// descriptor names a blob, as the OCI image specification has it.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const mediaTypes = "application/vnd.oci.image."

// write writes the image as a tar of an OCI layout: one layer, its config, a
// manifest of both, an index that gives the name.
func (i Image) write(to io.Writer) error {
	layer, err := i.layer()
	if err != nil {
		return err
	}
	diff := digest(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/program"}, "Cmd": i.Args, "WorkingDir": "/"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{diff}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": mediaTypes + "manifest.v1+json",
		"config": describe("config.v1+json", config),
		"layers": []descriptor{describe("layer.v1.tar", layer)},
	})
	if err != nil {
		return err
	}
	named := describe("manifest.v1+json", manifest)
	named.Annotations = map[string]string{"io.containerd.image.name": i.Name}
	index, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": mediaTypes + "index.v1+json", "manifests": []descriptor{named},
	})
	if err != nil {
		return err
	}
	out := tar.NewWriter(to)
	for _, file := range []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{blob(manifest), manifest}, {blob(config), config}, {blob(layer), layer},
	} {
		if err := put(out, file.name, 0o644, file.data); err != nil {
			return err
		}
	}
	return out.Close()
}

// layer is a tar with the program, the folders that pods like to find, and the
// ballast: a keystream, which no snapshotter can shrink.
func (i Image) layer() ([]byte, error) {
	program, err := os.ReadFile(i.Program)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	out := tar.NewWriter(&layer)
	for _, dir := range []string{"tmp/", "data/"} {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o777}); err != nil {
			return nil, err
		}
	}
	if err := put(out, "program", 0o755, program); err != nil {
		return nil, err
	}
	if i.Ballast > 0 {
		if err := put(out, "ballast", 0o644, ballast(i.Name, i.Ballast)); err != nil {
			return nil, err
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	return layer.Bytes(), nil
}

// ballast is a chain of hashes that begins with name.
func ballast(name string, size int64) []byte {
	data := make([]byte, 0, size+sha256.Size)
	sum := sha256.Sum256([]byte(name))
	for int64(len(data)) < size {
		data = append(data, sum[:]...)
		sum = sha256.Sum256(sum[:])
	}
	return data[:size]
}

func put(out *tar.Writer, name string, mode int64, data []byte) error {
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := out.Write(data)
	return err
}

func describe(kind string, data []byte) descriptor {
	return descriptor{MediaType: mediaTypes + kind, Digest: digest(data), Size: int64(len(data))}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func blob(data []byte) string { return "blobs/sha256/" + digest(data)[len("sha256:"):] }
