package cri

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/nodeheadroom/headroom/node/runtime/cri/critest"
)

func TestWritten(t *testing.T) {
	stats := func(id string, layer *v1.FilesystemUsage) proto.Message {
		return &v1.ContainerStatsResponse{Stats: &v1.ContainerStats{
			Attributes: &v1.ContainerAttributes{Id: id}, WritableLayer: layer,
		}}
	}
	full := &v1.FilesystemUsage{UsedBytes: &v1.UInt64Value{Value: 4096}, InodesUsed: &v1.UInt64Value{Value: 3}}
	for sentence, tc := range map[string]struct {
		answer proto.Message
		err    error
		known  bool
		fails  bool
	}{
		"it is what the runtime says":                       {answer: stats("c0", full), known: true},
		"no layer is unknown":                               {answer: stats("c0", nil)},
		"a layer without a size is unknown":                 {answer: stats("c0", &v1.FilesystemUsage{})},
		"more than there is is unknown":                     {answer: stats("c0", &v1.FilesystemUsage{UsedBytes: &v1.UInt64Value{Value: 1<<64 - 4096}, InodesUsed: full.InodesUsed})},
		"more files than there are are unknown":             {answer: stats("c0", &v1.FilesystemUsage{UsedBytes: full.UsedBytes, InodesUsed: &v1.UInt64Value{Value: 1<<64 - 1}})},
		"another container's is unknown":                    {answer: stats("c1", full)},
		"of a dead one containerd says nothing":             {err: status.Error(codes.Unknown, "unexpected metrics response: []")},
		"of one that is gone nobody says anything":          {err: status.Error(codes.NotFound, "not found")},
		"that there is nobody to ask is an error, not zero": {err: status.Error(codes.Unavailable, "gone"), fails: true},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := critest.Serve(t, "cri-o.json")
			s.Instead["ContainerStats"] = func(context.Context, proto.Message) (proto.Message, error) { return tc.answer, tc.err }
			bytes, inodes, known, err := client(t, s).Written(t.Context(), "c0")
			if known != tc.known || (err != nil) != tc.fails || known && (bytes != 4096 || inodes != 3) {
				t.Errorf("%d bytes, %d inodes, %t: %v", bytes, inodes, known, err)
			}
		})
	}
}

func TestAnImageOfMoreThanThereIsHasNoSize(t *testing.T) {
	for size, want := range map[uint64]int64{4096: 4096, 1 << 50: 1 << 50, 1<<63 - 1: 0, 1<<64 - 4096: 0} {
		if i, err := imageOf(&v1.Image{Id: "x", Size: size}, ""); err != nil || i.Size != want {
			t.Errorf("%d bytes become %d, %v", size, i.Size, err)
		}
	}
}
