package cri

import (
	"context"
	"encoding/json"
	"time"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What the CRI has no field for, runtimes say in JSON of their own, by the key
// "info" or "config" of a verbose answer.

// parseSandboxInfo reads which image a sandbox is made from, "" if that is not
// said. containerd (internal/cri/server/podsandbox/sandbox_status.go) and CRI-O
// (server/sandbox_status.go) agree on
//
//	{"image":"registry.k8s.io/pause:3.10","pid":4711,"runtimeSpec":{…},…}
//
// and CRI-O leaves the image out where it makes a sandbox without a process.
func parseSandboxInfo(info string) string {
	var said struct {
		Image string `json:"image"`
	}
	if json.Unmarshal([]byte(info), &said) != nil {
		return ""
	}
	return said.Image
}

// parseRuntimeConfig reads which image new sandboxes are made from, "" if that is
// not said. CRI-O (server/runtime_status.go) and containerd before 2.0 have
//
//	{"sandboxImage":"registry.k8s.io/pause:3.10",…}
//
// and containerd 2 does not tell.
func parseRuntimeConfig(config string) string {
	var said struct {
		SandboxImage string `json:"sandboxImage"`
	}
	if json.Unmarshal([]byte(config), &said) != nil {
		return ""
	}
	return said.SandboxImage
}

// pauseAge is how long it counts what the runtime makes sandboxes from.
const pauseAge = time.Minute

// pauseImage returns the ID of the image that new sandboxes are made from, "" if
// the runtime does not say which or does not have it.
func (c *Client) pauseImage(ctx context.Context) (string, error) {
	c.mu.Lock()
	pause, at := c.pause, c.pausedAt
	c.mu.Unlock()
	if !at.IsZero() && time.Since(at) < pauseAge {
		return pause, nil
	}
	answer, err := call(ctx, c, "Status", lookLimit, c.runtime.Status, &v1.StatusRequest{Verbose: true})
	if err != nil {
		return "", err
	}
	image, err := c.imageStatus(ctx, parseRuntimeConfig(answer.GetInfo()["config"]))
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	c.pause, c.pausedAt = image.GetId(), time.Now()
	c.mu.Unlock()
	return image.GetId(), nil
}
