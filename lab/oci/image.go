// Package oci writes container images of one layer, as the OCI image
// specification has them: without a container runtime, and the same bytes from
// the same files.
package oci

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"runtime"
	"strings"
)

// An Image is what is in it, and how it is started.
type Image struct {
	Name       string // with a tag, as in localhost/x:1
	Entrypoint []string
	Args       []string // the command
	User       string   // "" is root
	Volumes    []string // paths that it declares a volume
	Files      []File
}

// A File is one in the only layer; a folder if its name ends in a slash.
type File struct {
	Name string // without a slash before it
	Mode int64
	Data []byte
}

// descriptor names a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const mediaTypes = "application/vnd.oci.image."

// Blobs are what an image consists of: its only layer, its config, and a manifest
// that names both by their digests.
type Blobs struct{ Manifest, Config, Layer []byte }

// ManifestType is a manifest's media type.
const ManifestType = mediaTypes + "manifest.v1+json"

// Blobs makes the image.
func (i Image) Blobs() (Blobs, error) {
	layer, err := archive(i.Files)
	if err != nil {
		return Blobs{}, err
	}
	settings := map[string]any{"Entrypoint": i.Entrypoint, "Cmd": i.Args, "User": i.User, "WorkingDir": "/"}
	if len(i.Volumes) > 0 {
		volumes := make(map[string]struct{})
		for _, path := range i.Volumes {
			volumes[path] = struct{}{}
		}
		settings["Volumes"] = volumes
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": settings,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{Digest(layer)}},
	})
	if err != nil {
		return Blobs{}, err
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ManifestType,
		"config": describe("config.v1+json", config),
		"layers": []descriptor{describe("layer.v1.tar", layer)},
	})
	return Blobs{manifest, config, layer}, err
}

// Write writes the image as a tar of an OCI layout: its blobs, and an index that
// gives the name, for those who read specifications and for containerd.
func (i Image) Write(to io.Writer) error {
	blobs, err := i.Blobs()
	if err != nil {
		return err
	}
	named := describe("manifest.v1+json", blobs.Manifest)
	named.Annotations = map[string]string{"org.opencontainers.image.ref.name": i.Name, "io.containerd.image.name": i.Name}
	index, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": mediaTypes + "index.v1+json", "manifests": []descriptor{named},
	})
	if err != nil {
		return err
	}
	layout, err := archive([]File{
		{"oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", 0o644, index},
		{blob(blobs.Manifest), 0o644, blobs.Manifest}, {blob(blobs.Config), 0o644, blobs.Config}, {blob(blobs.Layer), 0o644, blobs.Layer},
	})
	if err != nil {
		return err
	}
	_, err = to.Write(layout)
	return err
}

// archive is a tar of files, which are everybody's and of no time.
func archive(files []File) ([]byte, error) {
	var data bytes.Buffer
	out := tar.NewWriter(&data)
	for _, file := range files {
		header := &tar.Header{Name: file.Name, Mode: file.Mode, Size: int64(len(file.Data))}
		if strings.HasSuffix(file.Name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := out.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := out.Write(file.Data); err != nil {
			return nil, err
		}
	}
	err := out.Close() // which writes the end
	return data.Bytes(), err
}

func describe(kind string, data []byte) descriptor {
	return descriptor{MediaType: mediaTypes + kind, Digest: Digest(data), Size: int64(len(data))}
}

// Digest names data as images do.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func blob(data []byte) string { return "blobs/sha256/" + Digest(data)[len("sha256:"):] }
