// Package cri asks a container runtime through the kubelet's Container Runtime
// Interface, version v1, about images, containers and pod sandboxes, and makes it
// remove them.
//
// It is for programs that act. One that only reads where the runtime keeps its
// files has package runtime for that, which comes without gRPC.
package cri
