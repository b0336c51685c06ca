package cluster

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/nodeheadroom/headroom/lab/oci"
)

// Images that every node has: imported, for which pods use imagePullPolicy Never.
// Both are the program lab/cluster/worker. What is to be pulled comes from package
// registry.
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
	Volumes []string // paths that it declares a volume
	// Ballast is that many bytes more, different in every image of another Name.
	Ballast int64
}

// Load puts an image into the node's containerd.
func (n *Node) Load(ctx context.Context, image Image) error {
	made, err := n.cluster.Make(ctx, image)
	if err != nil {
		return err
	}
	return n.Import(ctx, made)
}

// Pull makes the node's runtime pull an image, as its kubelet would, from a registry
// that it trusts.
func (n *Node) Pull(ctx context.Context, name string) error {
	conn, err := grpc.NewClient("unix://"+n.Socket(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = cri.NewImageServiceClient(conn).PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}})
	if err != nil {
		return fmt.Errorf("pull %s: %w", name, err)
	}
	return nil
}

// Make makes an image, for a registry for example.
func (c *Cluster) Make(ctx context.Context, image Image) (oci.Image, error) {
	if image.Program == "" {
		program, err := c.worker(ctx)
		if err != nil {
			return oci.Image{}, err
		}
		image.Program = program
	}
	made, err := image.oci()
	if err != nil {
		return oci.Image{}, fmt.Errorf("image %s: %w", image.Name, err)
	}
	return made, nil
}

// Import puts any image into the node's containerd.
func (n *Node) Import(ctx context.Context, image oci.Image) error {
	file, err := os.CreateTemp(n.cluster.Dir, "image-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := errors.Join(image.Write(file), file.Close()); err != nil {
		return fmt.Errorf("image %s: %w", image.Name, err)
	}
	_, err = n.Ctr(ctx, "images", "import", "--local", "--no-unpack=false", file.Name())
	return err
}

// images loads what every pod needs.
func (n *Node) images(ctx context.Context) error {
	if err := n.Load(ctx, Image{Name: PauseImage, Args: []string{"pause"}}); err != nil {
		return err
	}
	return n.Load(ctx, Image{Name: WorkerImage, Args: []string{"pause"}})
}

// Worker is the program in WorkerImage, for use outside of pods.
func (c *Cluster) Worker(ctx context.Context) (path string, err error) { return c.worker(ctx) }

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

// oci is the image: the program, the folders that pods like to find, and the
// ballast: a keystream, which no snapshotter can shrink.
func (i Image) oci() (oci.Image, error) {
	program, err := os.ReadFile(i.Program)
	if err != nil {
		return oci.Image{}, err
	}
	image := oci.Image{Name: i.Name, Entrypoint: []string{"/program"}, Args: i.Args, Volumes: i.Volumes, Files: []oci.File{
		{Name: "tmp/", Mode: 0o777}, {Name: "data/", Mode: 0o777},
		{Name: "program", Mode: 0o755, Data: program},
	}}
	if i.Ballast > 0 {
		image.Files = append(image.Files, oci.File{Name: "ballast", Mode: 0o644, Data: ballast(i.Name, i.Ballast)})
	}
	return image, nil
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
