package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Metadata is what all objects have.
type Metadata struct {
	Name, Namespace, UID string
	Labels, Annotations  map[string]string
	CreationTimestamp    time.Time
	OwnerReferences      []struct{ Kind, Name string }
}

// A Condition of a node or a pod.
type Condition struct {
	Type, Status, Reason, Message         string
	LastHeartbeatTime, LastTransitionTime time.Time
}

// A NodeObject is a Node of the API, as far as the lab looks at it.
type NodeObject struct {
	Metadata Metadata
	Spec     struct {
		Unschedulable bool
		Taints        []struct{ Key, Value, Effect string }
	}
	Status struct {
		Conditions            []Condition
		Capacity, Allocatable map[string]string
		NodeInfo              struct{ KubeletVersion, ContainerRuntimeVersion, KernelVersion string }
	}
}

// Condition returns the condition of a type, a zero one if there is none.
func (o NodeObject) Condition(kind string) Condition { return condition(o.Status.Conditions, kind) }

func condition(all []Condition, kind string) Condition {
	for _, c := range all {
		if c.Type == kind {
			return c
		}
	}
	return Condition{}
}

// A Pod of the API, as far as the lab looks at it.
type Pod struct {
	Metadata Metadata
	Spec     struct {
		NodeName   string
		Containers []struct{ Name, Image string }
	}
	Status struct {
		Phase, Reason, Message, PodIP string
		StartTime                     time.Time
		Conditions                    []Condition
		ContainerStatuses             []struct {
			Name, ContainerID string
			Ready             bool
			RestartCount      int
			State             map[string]json.RawMessage
		}
	}
}

// Ready reports whether the pod serves.
func (p Pod) Ready() bool { return condition(p.Status.Conditions, "Ready").Status == "True" }

// Evicted reports whether a kubelet has evicted or refused it. One that ended by
// itself while it was being evicted is no Failed pod: only a condition tells.
func (p Pod) Evicted() bool {
	return p.Status.Phase == "Failed" && p.Status.Reason == "Evicted" ||
		condition(p.Status.Conditions, "DisruptionTarget").Reason == "TerminationByKubelet"
}

func (p Pod) path() string {
	return "/api/v1/namespaces/" + p.Metadata.Namespace + "/pods/" + p.Metadata.Name
}

// An Event of the API.
type Event struct {
	Metadata              Metadata
	Type, Reason, Message string
	InvolvedObject        struct{ Kind, Namespace, Name string }
	Count                 int
	LastTimestamp         time.Time
}

// Object asks the API server for the node.
func (n *Node) Object(ctx context.Context) (NodeObject, error) {
	var object NodeObject
	err := n.cluster.Do(ctx, http.MethodGet, "/api/v1/nodes/"+n.Name, nil, &object)
	return object, err
}

// WaitCondition waits until a condition of the node has a status, and returns it.
func (n *Node) WaitCondition(ctx context.Context, kind, status string) (Condition, error) {
	var found Condition
	err := Wait(ctx, fmt.Sprintf("%s of %s to be %s", kind, n.Name, status), func(ctx context.Context) error {
		object, err := n.Object(ctx)
		if err != nil {
			return err
		}
		if found = object.Condition(kind); found.Status != status {
			return fmt.Errorf("it is %q: %s", found.Status, found.Message)
		}
		return nil
	})
	return found, err
}

// Pods lists the pods of all namespaces that a field selector matches, such as
// spec.nodeName=n1; "" matches all.
func (c *Cluster) Pods(ctx context.Context, fields string) ([]Pod, error) {
	var list struct{ Items []Pod }
	err := c.Do(ctx, http.MethodGet, "/api/v1/pods?fieldSelector="+url.QueryEscape(fields), nil, &list)
	return list.Items, err
}

// Pods lists the pods bound to the node.
func (n *Node) Pods(ctx context.Context) ([]Pod, error) {
	return n.cluster.Pods(ctx, "spec.nodeName="+n.Name)
}

// Evicted lists the node's pods that its kubelet has evicted or refused.
func (n *Node) Evicted(ctx context.Context) ([]Pod, error) {
	pods, err := n.Pods(ctx)
	var evicted []Pod
	for _, pod := range pods {
		if pod.Evicted() {
			evicted = append(evicted, pod)
		}
	}
	return evicted, err
}

// Events lists the events of all namespaces that a field selector matches, such
// as involvedObject.name=n1 or reason=Evicted; "" matches all.
func (c *Cluster) Events(ctx context.Context, fields string) ([]Event, error) {
	var list struct{ Items []Event }
	err := c.Do(ctx, http.MethodGet, "/api/v1/events?fieldSelector="+url.QueryEscape(fields), nil, &list)
	return list.Items, err
}

// Configz is the kubelet's running configuration.
func (n *Node) Configz(ctx context.Context) (map[string]any, error) {
	data, err := n.Get(ctx, "/configz")
	if err != nil {
		return nil, err
	}
	var answer struct {
		KubeletConfig map[string]any `json:"kubeletconfig"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("/configz: %w", err)
	}
	return answer.KubeletConfig, nil
}

// Log is what the kubelet has logged since it was started last.
func (n *Node) Log() (string, error) {
	data, err := os.ReadFile(n.cluster.logPath(n.part("kubelet")))
	return string(data), err
}
