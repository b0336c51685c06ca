package cri

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// maxWritten is more than a container can have written. A runtime that subtracts
// from a small number counts down from the largest there is.
const maxWritten = 1 << 50

// Written asks how much a container has written into its own filesystem. containerd
// has an answer for running containers only and gives an error without a code
// for others, so an error of the runtime's own makes it unknown.
func (c *Client) Written(ctx context.Context, id string) (bytes, inodes int64, known bool, err error) {
	answer, err := call(ctx, c, "ContainerStats", lookLimit, c.runtime.ContainerStats, &v1.ContainerStatsRequest{ContainerId: id})
	switch status.Code(err) {
	case codes.OK:
	case codes.Unknown, codes.Internal, codes.NotFound, codes.InvalidArgument, codes.FailedPrecondition, codes.Unimplemented:
		return 0, 0, false, nil
	default:
		return 0, 0, false, err
	}
	layer := answer.GetStats().GetWritableLayer()
	used, files := layer.GetUsedBytes().GetValue(), layer.GetInodesUsed().GetValue()
	if answer.GetStats().GetAttributes().GetId() != id || layer.GetUsedBytes() == nil || used > maxWritten || files > maxWritten {
		return 0, 0, false, nil
	}
	return int64(used), int64(files), true, nil
}
