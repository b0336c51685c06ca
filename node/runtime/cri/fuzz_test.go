package cri

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/nodeheadroom/headroom/node/runtime/cri/critest"
)

// A line answers every call with the same bytes, decoded as gRPC decodes them.
type line struct {
	answer  []byte
	removed []string
}

func (l *line) Invoke(_ context.Context, method string, _, reply any, _ ...grpc.CallOption) error {
	if strings.Contains(method, "/Remove") || strings.Contains(method, "/Stop") {
		l.removed = append(l.removed, method)
	}
	return proto.Unmarshal(l.answer, reply.(proto.Message))
}

func (l *line) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("nothing here is a stream")
}

// Whatever bytes a runtime answers: looking at it ends, removes nothing, and what
// it yields has identities.
func FuzzCRIAnswer(f *testing.F) {
	for _, m := range critest.Answers(f) {
		wire, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		l := &line{answer: answer}
		c := newClient("/s", l, func() error { return nil })
		images, err := c.Images(t.Context())
		for _, i := range images {
			if err != nil || i.ID == "" || i.Size < 0 {
				t.Errorf("%+v, %v", i, err)
			}
		}
		if i, ok, err := c.Image(t.Context(), "x"); ok && (err != nil || i.ID == "") {
			t.Errorf("%+v, %v", i, err)
		}
		containers, err := c.Containers(t.Context())
		for i, one := range containers {
			if err != nil || one.ID == "" || one.Running && one.Dead {
				t.Errorf("%+v, %v", one, err)
			}
			if i > 2 { // each looks at the whole answer
				continue
			}
			if got, ok, err := c.Container(t.Context(), one.ID); ok && (err != nil || got.ID != one.ID) {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if paths, known, err := c.Volumes(t.Context(), "x"); len(paths) > 0 && (!known || err != nil) {
			t.Errorf("%q, %t, %v", paths, known, err)
		}
		sandboxes, err := c.Sandboxes(t.Context())
		for _, s := range sandboxes {
			if err != nil || s.ID == "" {
				t.Errorf("%+v, %v", s, err)
			}
		}
		if len(l.removed) > 0 {
			t.Errorf("looking removes: %q", l.removed)
		}
	})
}
