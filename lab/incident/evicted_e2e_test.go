//go:build e2e

package incident

import (
	"strings"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// fate says why the kubelet has ended a pod: "" if it has not.
//
//	The node was low on resource: ephemeral-storage. Threshold quantity: 306055999, available: 278948Ki. …
//
// What exits well when it is told to is Succeeded, not Failed, and evicted all the
// same.
func fate(pod cluster.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == "DisruptionTarget" && c.Reason == "TerminationByKubelet" {
			return c.Message
		}
	}
	return ""
}

// refused reports whether the kubelet has turned a pod away, or killed it before
// it ran.
//
//	The node had condition: [DiskPressure].
func refused(pod cluster.Pod) bool {
	return pod.Evicted() && strings.HasPrefix(pod.Status.Message, "Pod was rejected: The node had condition: ")
}
