package cri

import (
	"context"
	"encoding/json"
	"maps"
	"path"
	"slices"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Volumes returns the paths, as the container sees them, of the volumes that its
// image declares and over which nothing was mounted. Runtimes keep what is written
// there with the container and remove it with the container: containerd in a
// folder beside its state, CRI-O in the container's own filesystem (image_volumes
// is mkdir) or under /run (bind). It is not known of an image that the runtime
// does not have any more, or whose configuration it does not show.
func (c *Client) Volumes(ctx context.Context, id string) (paths []string, known bool, err error) {
	answer, err := call(ctx, c, "ContainerStatus", lookLimit, c.runtime.ContainerStatus, &v1.ContainerStatusRequest{ContainerId: id})
	status := answer.GetStatus()
	if missing(err) {
		return nil, true, nil // no container, no volumes
	}
	if err != nil || status.GetId() != id {
		return nil, false, err
	}
	ref := status.GetImageId() // runtimes before CRI 1.29 have the other only
	if ref == "" {
		ref = status.GetImageRef()
	}
	image, err := c.imageAnswer(ctx, &v1.ImageStatusRequest{Image: &v1.ImageSpec{Image: ref}, Verbose: true})
	if err != nil {
		return nil, false, err
	}
	declared, known := parseImageInfo(image.GetInfo()["info"])
	for _, m := range status.GetMounts() {
		delete(declared, inContainer(m.GetContainerPath()))
	}
	return slices.Sorted(maps.Keys(declared)), known, nil
}

// parseImageInfo reads which volumes an image declares, and false if that is not
// said. containerd (internal/cri/server/images/image_status.go) and CRI-O
// (server/image_status.go) agree on the image's configuration by the key imageSpec:
//
//	{"imageSpec":{"config":{"Volumes":{"/data":{}}},…},…}
func parseImageInfo(info string) (volumes map[string]bool, known bool) {
	var said struct {
		Spec *struct {
			Config struct {
				Volumes map[string]struct{}
			} `json:"config"`
		} `json:"imageSpec"`
	}
	if json.Unmarshal([]byte(info), &said) != nil || said.Spec == nil {
		return nil, false
	}
	volumes = make(map[string]bool)
	for declared := range said.Spec.Config.Volumes {
		volumes[inContainer(declared)] = true
	}
	return volumes, true
}

// inContainer spells a path of a container in one way.
func inContainer(p string) string { return path.Join("/", p) }
