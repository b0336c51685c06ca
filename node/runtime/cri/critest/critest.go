// Package critest answers the CRI as real runtimes were recorded to do, over gRPC on
// a Unix socket, and for a test as it says.
package critest

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
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

//go:embed testdata/*.json
var recordings embed.FS

// A recording is what a runtime has answered, by the names of the methods.
type recording map[string]json.RawMessage

func read(t testing.TB, name string) recording {
	t.Helper()
	data, err := recordings.ReadFile(path.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Source  string // where it comes from
		Answers recording
	}
	if err := json.Unmarshal(data, &file); err != nil || len(file.Answers) == 0 {
		t.Fatal(name, err)
	}
	return file.Answers
}

// answer is what a method was recorded to answer, and false if nothing was.
func (r recording) answer(method string) (proto.Message, bool, error) {
	recorded, ok := r[method]
	if !ok {
		return nil, false, nil
	}
	m := messageOf(methodOf(method).Output())
	return m, true, protojson.Unmarshal(recorded, m)
}

// Answers returns all that was recorded of all runtimes.
func Answers(t testing.TB) []proto.Message {
	t.Helper()
	entries, err := recordings.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var all []proto.Message
	for _, e := range entries {
		r := read(t, e.Name())
		for _, method := range slices.Sorted(maps.Keys(r)) {
			m, _, err := r.answer(method)
			if err != nil {
				t.Fatal(e.Name(), method, err)
			}
			all = append(all, m)
		}
	}
	return all
}

// A Server is a real gRPC server on a Unix socket that answers as a runtime was
// recorded to do, unless a method was given something else to do.
type Server struct {
	Endpoint string // unix://
	// Instead has what methods do, by their names, in the place of what was
	// recorded. It is set before they are called.
	Instead map[string]func(context.Context, proto.Message) (proto.Message, error)

	recording recording
	grpc      *grpc.Server

	mu    sync.Mutex
	asked []string
}

// Serve starts a server that answers as a recording, named by its file, and that
// ends with the test.
func Serve(t testing.TB, name string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "cri") // a socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{
		Endpoint:  "unix://" + filepath.Join(dir, "s"),
		Instead:   make(map[string]func(context.Context, proto.Message) (proto.Message, error)),
		recording: read(t, name),
	}
	s.Start(t)
	return s
}

// Start listens, again after Stop.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	l, err := net.Listen("unix", s.Endpoint[len("unix://"):])
	if err != nil {
		t.Fatal(err)
	}
	s.grpc = grpc.NewServer(grpc.UnknownServiceHandler(s.handle))
	go s.grpc.Serve(l)
	t.Cleanup(s.grpc.Stop)
}

func (s *Server) handle(_ any, stream grpc.ServerStream) error {
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
	if do := s.Instead[name]; do != nil {
		answer, err := do(stream.Context(), request)
		if err != nil {
			return err
		}
		return stream.SendMsg(answer)
	}
	answer, ok, err := s.recording.answer(name)
	if err != nil {
		return err
	}
	if !ok {
		return unimplemented(full)
	}
	return stream.SendMsg(answer)
}

// Stop hangs up and listens no more.
func (s *Server) Stop() { s.grpc.Stop() }

// Requests lists the methods that were called with their requests as JSON.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
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
		panic(err) // it is of the generated code that this is linked with
	}
	return kind.New().Interface()
}

func unimplemented(method string) error {
	return status.Errorf(codes.Unimplemented, "unknown service or method %s", method)
}
