package cluster

import (
	"context"
	"fmt"
	"maps"
)

// A Workload is pods of one kind on one node.
type Workload struct {
	Name        string
	Namespace   string            // default if ""
	Node        *Node             // nil leaves it to the scheduler
	Replicas    int               // 0 is one plain pod, else a Deployment
	Image       string            // WorkerImage if ""
	Pull        string            // imagePullPolicy, Never if ""
	Annotations map[string]string // of a plain pod
	// Containers are the arguments of each container's entrypoint, by name; nil is
	// one that only runs. Each has an emptyDir of the pod at /data.
	Containers map[string][]string
	// Spec is merged onto the pod's spec as a JSON merge patch.
	Spec map[string]any
}

// Run makes the pods and returns once all are Ready.
func (c *Cluster) Run(ctx context.Context, w Workload) error {
	if err := c.Apply(ctx, w); err != nil {
		return err
	}
	return Wait(ctx, "the pods of "+w.Name+" to be ready", func(ctx context.Context) error {
		pods, err := c.PodsOf(ctx, w)
		if err != nil {
			return err
		}
		ready, why := 0, ""
		for _, pod := range pods {
			if pod.Ready() {
				ready++
			} else {
				why = fmt.Sprintf("; %s is %s %s %v", pod.Metadata.Name, pod.Status.Phase, pod.Status.Message, pod.Status.ContainerStatuses)
			}
		}
		if want := max(w.Replicas, 1); ready < want {
			return fmt.Errorf("%d of %d are%s", ready, want, why)
		}
		return nil
	})
}

// Apply makes the pods and returns at once.
func (c *Cluster) Apply(ctx context.Context, w Workload) error {
	if w.Replicas == 0 {
		pod := map[string]any{"metadata": w.metadata(), "spec": w.spec()}
		return c.Create(ctx, "/api/v1/namespaces/"+w.namespace()+"/pods", pod)
	}
	labels := map[string]any{"app": w.Name}
	return c.Create(ctx, "/apis/apps/v1/namespaces/"+w.namespace()+"/deployments", map[string]any{
		"metadata": w.metadata(),
		"spec": map[string]any{
			"replicas": w.Replicas,
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": w.spec()},
		},
	})
}

// PodsOf lists the workload's pods, evicted ones included.
func (c *Cluster) PodsOf(ctx context.Context, w Workload) ([]Pod, error) {
	all, err := c.Pods(ctx, "metadata.namespace="+w.namespace())
	var pods []Pod
	for _, pod := range all {
		if pod.Metadata.Labels["app"] == w.Name {
			pods = append(pods, pod)
		}
	}
	return pods, err
}

// Delete removes the workload and its pods, and returns once they are gone from
// the node as well.
func (c *Cluster) Delete(ctx context.Context, w Workload) error {
	if w.Replicas > 0 {
		if err := c.delete(ctx, "/apis/apps/v1/namespaces/"+w.namespace()+"/deployments/"+w.Name); err != nil {
			return err
		}
	}
	return Wait(ctx, "the pods of "+w.Name+" to be gone", func(ctx context.Context) error {
		pods, err := c.PodsOf(ctx, w)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if err := c.Do(ctx, "DELETE", pod.path()+"?gracePeriodSeconds=1", nil, nil); err != nil {
				return err
			}
		}
		if len(pods) > 0 {
			return fmt.Errorf("%d are left", len(pods))
		}
		return nil
	})
}

func (w Workload) namespace() string {
	if w.Namespace == "" {
		return "default"
	}
	return w.Namespace
}

func (w Workload) metadata() map[string]any {
	return map[string]any{"name": w.Name, "labels": map[string]any{"app": w.Name}, "annotations": w.Annotations}
}

func (w Workload) spec() map[string]any {
	image, arguments := w.Image, w.Containers
	if image == "" {
		image = WorkerImage
	}
	if arguments == nil {
		arguments = map[string][]string{"worker": {"pause"}}
	}
	pull := w.Pull
	if pull == "" {
		pull = "Never"
	}
	var containers []any
	for name, args := range maps.All(arguments) {
		containers = append(containers, map[string]any{
			"name": name, "image": image, "imagePullPolicy": pull, "args": args,
			"volumeMounts": []any{map[string]any{"name": "data", "mountPath": "/data"}},
		})
	}
	spec := map[string]any{
		"containers":                    containers,
		"volumes":                       []any{map[string]any{"name": "data", "emptyDir": map[string]any{}}},
		"terminationGracePeriodSeconds": 1,
		"dnsPolicy":                     "Default", // there is no DNS
	}
	if w.Node != nil {
		spec["nodeSelector"] = map[string]any{"kubernetes.io/hostname": w.Node.Name}
	}
	return merge(spec, w.Spec)
}
