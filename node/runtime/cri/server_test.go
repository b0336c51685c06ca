package cri

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A server is a real gRPC server on a Unix socket that answers as a runtime was
// recorded to do, unless a method was given something else to do.
type server struct {
	endpoint string
	grpc     *grpc.Server
	answers  map[string]json.RawMessage
	instead  map[string]func(context.Context, proto.Message) (proto.Message, error)

	mu    sync.Mutex
	asked []string // methods, and their requests as JSON
}

// serve starts a server that answers as the recording in a file, "" is none.
func serve(t *testing.T, file string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "cri") // a socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{endpoint: "unix://" + filepath.Join(dir, "s"), instead: make(map[string]func(context.Context, proto.Message) (proto.Message, error))}
	if file != "" {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		var recorded struct {
			Source  string
			Answers map[string]json.RawMessage
		}
		if err := json.Unmarshal(data, &recorded); err != nil {
			t.Fatal(err)
		}
		s.answers = recorded.Answers
	}
	s.start(t)
	return s
}

// start listens, again after a stop.
func (s *server) start(t *testing.T) {
	t.Helper()
	l, err := net.Listen("unix", s.endpoint[len("unix://"):])
	if err != nil {
		t.Fatal(err)
	}
	s.grpc = grpc.NewServer(grpc.UnknownServiceHandler(s.handle))
	go s.grpc.Serve(l)
	t.Cleanup(s.grpc.Stop)
}

func (s *server) handle(_ any, stream grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(stream)
	name := path.Base(full)
	method := methodOf(name)
	if method == nil || full != "/"+string(method.Parent().FullName())+"/"+name {
		return unimplemented(full)
	}
	request := messageOf(method.Input())
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	said, err := protojson.Marshal(request)
	if err != nil {
		return err
	}
	var compact bytes.Buffer // protojson's spaces vary
	if err := json.Compact(&compact, said); err != nil {
		return err
	}
	s.mu.Lock()
	s.asked = append(s.asked, name+" "+compact.String())
	s.mu.Unlock()
	if do := s.instead[name]; do != nil {
		answer, err := do(stream.Context(), request)
		if err != nil {
			return err
		}
		return stream.SendMsg(answer)
	}
	recorded, ok := s.answers[name]
	if !ok {
		return unimplemented(full)
	}
	answer := messageOf(method.Output())
	if err := protojson.Unmarshal(recorded, answer); err != nil {
		return err
	}
	return stream.SendMsg(answer)
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func methodOf(name string) protoreflect.MethodDescriptor {
	services := v1.File_staging_src_k8s_io_cri_api_pkg_apis_runtime_v1_api_proto.Services()
	for i := range services.Len() {
		if m := services.Get(i).Methods().ByName(protoreflect.Name(name)); m != nil {
			return m
		}
	}
	return nil
}

func messageOf(d protoreflect.MessageDescriptor) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(err) // it is of the generated code that this test is linked with
	}
	return kind.New().Interface()
}

func unimplemented(method string) error {
	return status.Errorf(codes.Unimplemented, "unknown service or method %s", method)
}

func client(t *testing.T, s *server) *Client {
	t.Helper()
	c, err := New(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
