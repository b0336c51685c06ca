package cri

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/nodeheadroom/headroom/node/runtime/cri/critest"
)

func TestVolumes(t *testing.T) {
	image := func(info string) func(context.Context, proto.Message) (proto.Message, error) {
		return func(_ context.Context, in proto.Message) (proto.Message, error) {
			answer := &v1.ImageStatusResponse{Image: &v1.Image{Id: busybox}}
			if request := in.(*v1.ImageStatusRequest); request.GetVerbose() && request.GetImage().GetImage() == busybox {
				answer.Info = map[string]string{"info": info}
			}
			return answer, nil
		}
	}
	fails := func(code codes.Code) func(context.Context, proto.Message) (proto.Message, error) {
		return func(context.Context, proto.Message) (proto.Message, error) { return nil, status.Error(code, "no") }
	}
	container := func(c *v1.ContainerStatus) func(context.Context, proto.Message) (proto.Message, error) {
		return func(context.Context, proto.Message) (proto.Message, error) {
			return &v1.ContainerStatusResponse{Status: c}, nil
		}
	}
	const two = `{"chainID":"sha256:00","imageSpec":{"config":{"Volumes":{"/data":{},"var/lib/x/":{}}}}}`
	for sentence, tc := range map[string]struct {
		container, image func(context.Context, proto.Message) (proto.Message, error)
		want             []string
		known, fails     bool
	}{
		"those that the image declares":                     {image: image(two), want: []string{"/data", "/var/lib/x"}, known: true},
		"none where it declares none":                       {image: image(`{"imageSpec":{"config":{}}}`), known: true},
		"none where the image has no settings":              {image: image(`{"imageSpec":{}}`), known: true},
		"not known where the runtime says nothing of it":    {image: image(`{"labels":{}}`)},
		"not known where it says nothing":                   {image: image("")},
		"not known where it says something else":            {image: image(`{"imageSpec":{"config":{"Volumes":["/data"]}}}`)},
		"not known of an image that is gone":                {image: fails(codes.NotFound)},
		"an error where there is nobody to ask":             {image: fails(codes.Unavailable), fails: true},
		"none of a container that is gone":                  {container: fails(codes.NotFound), known: true},
		"an error where the container cannot be asked":      {container: fails(codes.Unavailable), fails: true},
		"not known where the answer is another container's": {container: container(&v1.ContainerStatus{Id: "another", ImageId: busybox}), image: image(two)},
		"not those over which something is mounted": {
			container: container(&v1.ContainerStatus{Id: "c0", ImageId: busybox, Mounts: []*v1.Mount{{ContainerPath: "/var/lib//x"}, {ContainerPath: "/data/deeper"}}}),
			image:     image(two), want: []string{"/data"}, known: true,
		},
		"by the image's digest where its ID is not said": {
			container: container(&v1.ContainerStatus{Id: "c0", ImageRef: busybox, Image: &v1.ImageSpec{Image: "busybox:1"}}),
			image:     image(two), want: []string{"/data", "/var/lib/x"}, known: true,
		},
		"not known where it is not said either": {container: container(&v1.ContainerStatus{Id: "c0"}), image: image(two)},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := critest.Serve(t, "cri-o.json")
			s.Instead["ContainerStatus"] = container(&v1.ContainerStatus{Id: "c0", ImageId: busybox, ImageRef: "docker.io/library/busybox@sha256:1", Image: &v1.ImageSpec{Image: "busybox:1"}})
			if tc.container != nil {
				s.Instead["ContainerStatus"] = tc.container
			}
			if tc.image != nil {
				s.Instead["ImageStatus"] = tc.image
			}
			paths, known, err := client(t, s).Volumes(t.Context(), "c0")
			if !slices.Equal(paths, tc.want) || known != tc.known || (err != nil) != tc.fails {
				t.Errorf("%q, %t, %v", paths, known, err)
			}
		})
	}
}
