package cri

import (
	"context"
	"fmt"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// Sandboxes lists the runtime's pod sandboxes, dead ones included. Which image a
// sandbox is made from is asked of each once: it does not change. Where the
// runtime does not say (CRI-O makes some from none, containerd's plugins may be
// silent), it is taken to be the one that the runtime makes new ones from; if that
// is not known either, ImageRefs is empty.
func (c *Client) Sandboxes(ctx context.Context) ([]runtime.Sandbox, error) {
	answer, err := call(ctx, c, "ListPodSandbox", lookLimit, c.runtime.ListPodSandbox, &v1.ListPodSandboxRequest{})
	if err != nil {
		return nil, err
	}
	sandboxes := make([]runtime.Sandbox, 0, len(answer.GetItems()))
	held := make(map[string]string, len(answer.GetItems()))
	for _, listed := range answer.GetItems() {
		if listed.GetId() == "" {
			return nil, fmt.Errorf("container runtime at %s: ListPodSandbox: the sandbox of pod %q has no ID", c.path, listed.GetMetadata().GetName())
		}
		image, gone, err := c.sandboxImage(ctx, listed.GetId())
		if err != nil {
			return nil, err
		}
		if gone {
			continue
		}
		sandbox := sandboxOf(listed)
		if image != "" {
			held[sandbox.ID] = image
			sandbox.ImageRefs = []string{image}
		} else if pause, err := c.pauseImage(ctx); err != nil {
			return nil, err
		} else {
			sandbox.ImageRefs = refs(pause)
		}
		sandboxes = append(sandboxes, sandbox)
	}
	c.mu.Lock()
	c.held = held // sandboxes that are gone are forgotten
	c.mu.Unlock()
	return sandboxes, nil
}

// sandboxImage returns what a sandbox is made from, "" if nobody says.
func (c *Client) sandboxImage(ctx context.Context, id string) (image string, gone bool, err error) {
	c.mu.Lock()
	image = c.held[id]
	c.mu.Unlock()
	if image != "" {
		return image, false, nil
	}
	answer, err := call(ctx, c, "PodSandboxStatus", lookLimit, c.runtime.PodSandboxStatus, &v1.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if missing(err) {
		return "", true, nil
	}
	if err != nil {
		return "", false, err
	}
	return parseSandboxInfo(answer.GetInfo()["info"]), false, nil
}

// RemoveSandbox removes a sandbox by its ID, with all its containers. One that is
// ready is stopped first: that is for the caller to rule out.
func (c *Client) RemoveSandbox(ctx context.Context, id string) error {
	if id == "" {
		return fmt.Errorf("container runtime at %s: RemovePodSandbox: no sandbox is named", c.path)
	}
	return remove(ctx, c, "RemovePodSandbox", c.runtime.RemovePodSandbox, &v1.RemovePodSandboxRequest{PodSandboxId: id})
}

func sandboxOf(listed *v1.PodSandbox) runtime.Sandbox {
	return runtime.Sandbox{
		ID:          listed.GetId(),
		Namespace:   listed.GetMetadata().GetNamespace(),
		Pod:         listed.GetMetadata().GetName(),
		PodUID:      listed.GetMetadata().GetUid(),
		Attempt:     listed.GetMetadata().GetAttempt(),
		Ready:       listed.GetState() == v1.PodSandboxState_SANDBOX_READY,
		Created:     moment(listed.GetCreatedAt()),
		Labels:      listed.GetLabels(),
		Annotations: listed.GetAnnotations(),
	}
}
