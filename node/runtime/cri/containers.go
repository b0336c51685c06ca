package cri

import (
	"context"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// Containers lists the runtime's containers, dead ones included. CRI-O leaves out
// those that it is just making.
func (c *Client) Containers(ctx context.Context) ([]runtime.Container, error) {
	return c.containers(ctx, &v1.ListContainersRequest{})
}

func (c *Client) containers(ctx context.Context, request *v1.ListContainersRequest) ([]runtime.Container, error) {
	answer, err := call(ctx, c, "ListContainers", lookLimit, c.runtime.ListContainers, request)
	if err != nil {
		return nil, err
	}
	containers := make([]runtime.Container, 0, len(answer.GetContainers()))
	for _, listed := range answer.GetContainers() {
		if listed.GetId() == "" {
			return nil, fmt.Errorf("container runtime at %s: ListContainers: a container of sandbox %q has no ID", c.path, listed.GetPodSandboxId())
		}
		containers = append(containers, containerOf(listed))
	}
	return containers, nil
}

// Container adds what only a container's own status tells: when it ended, and
// where its log is. It is false if there is no such container.
func (c *Client) Container(ctx context.Context, id string) (runtime.Container, bool, error) {
	// A status does not say which sandbox it belongs to.
	listed, err := c.containers(ctx, &v1.ListContainersRequest{Filter: &v1.ContainerFilter{Id: id}})
	if err != nil {
		return runtime.Container{}, false, err
	}
	at := slices.IndexFunc(listed, func(l runtime.Container) bool { return l.ID == id })
	if at < 0 {
		return runtime.Container{}, false, nil
	}
	answer, err := call(ctx, c, "ContainerStatus", lookLimit, c.runtime.ContainerStatus, &v1.ContainerStatusRequest{ContainerId: id})
	if missing(err) {
		return runtime.Container{}, false, nil
	}
	if err != nil {
		return runtime.Container{}, false, err
	}
	status := answer.GetStatus()
	if status.GetId() != id {
		return runtime.Container{}, false, fmt.Errorf("container runtime at %s: ContainerStatus of %q answers for %q", c.path, id, status.GetId())
	}
	container := listed[at]
	container.Running = status.GetState() == v1.ContainerState_CONTAINER_RUNNING
	container.Dead = status.GetState() == v1.ContainerState_CONTAINER_EXITED
	container.ImageRefs = refs(append(container.ImageRefs, status.GetImageId(), status.GetImageRef(), status.GetImage().GetImage())...)
	container.Finished = moment(status.GetFinishedAt())
	container.LogPath = status.GetLogPath()
	return container, true, nil
}

// RemoveContainer removes a container by its ID. One that runs is killed first:
// that is for the caller to rule out.
func (c *Client) RemoveContainer(ctx context.Context, id string) error {
	if id == "" {
		return fmt.Errorf("container runtime at %s: RemoveContainer: no container is named", c.path)
	}
	return remove(ctx, c, "RemoveContainer", c.runtime.RemoveContainer, &v1.RemoveContainerRequest{ContainerId: id})
}

// ReopenLog makes the runtime create the container's log anew and write there. It
// fails for a container that does not run.
func (c *Client) ReopenLog(ctx context.Context, id string) error {
	_, err := call(ctx, c, "ReopenContainerLog", changeLimit, c.runtime.ReopenContainerLog, &v1.ReopenContainerLogRequest{ContainerId: id})
	return err
}

// The labels by which a kubelet says whose container it is.
const (
	podName      = "io.kubernetes.pod.name"
	podNamespace = "io.kubernetes.pod.namespace"
	podUID       = "io.kubernetes.pod.uid"
)

func containerOf(listed *v1.Container) runtime.Container {
	labels := listed.GetLabels()
	return runtime.Container{
		ID:          listed.GetId(),
		Sandbox:     listed.GetPodSandboxId(),
		Namespace:   labels[podNamespace],
		Pod:         labels[podName],
		PodUID:      labels[podUID],
		Name:        listed.GetMetadata().GetName(),
		Attempt:     listed.GetMetadata().GetAttempt(),
		Running:     listed.GetState() == v1.ContainerState_CONTAINER_RUNNING,
		Dead:        listed.GetState() == v1.ContainerState_CONTAINER_EXITED,
		Created:     moment(listed.GetCreatedAt()),
		ImageRefs:   refs(listed.GetImageId(), listed.GetImageRef(), listed.GetImage().GetImage(), listed.GetImage().GetUserSpecifiedImage()),
		Labels:      labels,
		Annotations: listed.GetAnnotations(),
	}
}

// refs leaves out what is empty or there before.
func refs(all ...string) []string {
	var kept []string
	for _, ref := range all {
		if ref != "" && !slices.Contains(kept, ref) {
			kept = append(kept, ref)
		}
	}
	return kept
}

// moment is a time in nanoseconds since 1970; 0 is none.
func moment(ns int64) time.Time {
	if ns <= 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
