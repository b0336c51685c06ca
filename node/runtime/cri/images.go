package cri

import (
	"context"
	"fmt"
	"strings"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// Images lists the runtime's images. The one that new sandboxes are made from is
// pinned, whether the runtime says so or not.
func (c *Client) Images(ctx context.Context) ([]runtime.Image, error) {
	pause, err := c.pauseImage(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := call(ctx, c, "ListImages", lookLimit, c.images.ListImages, &v1.ListImagesRequest{})
	if err != nil {
		return nil, err
	}
	images := make([]runtime.Image, 0, len(answer.GetImages()))
	for _, listed := range answer.GetImages() {
		image, err := imageOf(listed, pause)
		if err != nil {
			return nil, fmt.Errorf("container runtime at %s: ListImages: %w", c.path, err)
		}
		images = append(images, image)
	}
	return images, nil
}

// Image returns what a name or an ID stands for, in the runtime's own judgement:
// names are completed and IDs shortened as it pleases. It is false if the runtime
// does not have it.
func (c *Client) Image(ctx context.Context, ref string) (runtime.Image, bool, error) {
	pause, err := c.pauseImage(ctx)
	if err != nil {
		return runtime.Image{}, false, err
	}
	found, err := c.imageStatus(ctx, ref)
	if err != nil || found == nil {
		return runtime.Image{}, false, err
	}
	image, err := imageOf(found, pause)
	if err != nil {
		return runtime.Image{}, false, fmt.Errorf("container runtime at %s: ImageStatus of %q: %w", c.path, ref, err)
	}
	return image, true, nil
}

// imageStatus returns nil for an image that is not there.
func (c *Client) imageStatus(ctx context.Context, ref string) (*v1.Image, error) {
	answer, err := c.imageAnswer(ctx, &v1.ImageStatusRequest{Image: &v1.ImageSpec{Image: ref}})
	return answer.GetImage(), err
}

// imageAnswer returns nil for an image that is not there.
func (c *Client) imageAnswer(ctx context.Context, request *v1.ImageStatusRequest) (*v1.ImageStatusResponse, error) {
	if request.GetImage().GetImage() == "" {
		return nil, nil // which runtimes answer with an error
	}
	answer, err := call(ctx, c, "ImageStatus", lookLimit, c.images.ImageStatus, request)
	if missing(err) {
		return nil, nil
	}
	return answer, err
}

// RemoveImage removes an image by its ID, and with it all its names. What it took
// on disk may be given back later. After an error it may be gone all the same.
func (c *Client) RemoveImage(ctx context.Context, id string) error {
	if id == "" {
		return fmt.Errorf("container runtime at %s: RemoveImage: no image is named", c.path)
	}
	return remove(ctx, c, "RemoveImage", c.images.RemoveImage, &v1.RemoveImageRequest{Image: &v1.ImageSpec{Image: id}})
}

// maxSize is more than an image can have, in bytes: what is beyond is no size, and
// sums of what is not do not overflow.
const maxSize = 1 << 50

func imageOf(listed *v1.Image, pause string) (runtime.Image, error) {
	if listed.GetId() == "" {
		return runtime.Image{}, fmt.Errorf("an image has no ID (its names are %q)", listed.GetRepoTags())
	}
	image := runtime.Image{
		ID:      listed.GetId(),
		Tags:    named(listed.GetRepoTags()),
		Digests: named(listed.GetRepoDigests()),
		Pinned:  listed.GetPinned() || listed.GetId() == pause,
	}
	if size := listed.GetSize(); size <= maxSize {
		image.Size = int64(size)
	}
	return image, nil
}

// named leaves out what stands for no name: before 1.23, CRI-O wrote
// "<none>:<none>" and "<none>@<none>".
func named(names []string) []string {
	var kept []string
	for _, name := range names {
		if name != "" && !strings.Contains(name, "<none>") {
			kept = append(kept, name)
		}
	}
	return kept
}
