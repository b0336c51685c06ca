package cri

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/nodeheadroom/headroom/node/runtime"
	"github.com/nodeheadroom/headroom/node/runtime/cri/critest"
)

const (
	pause     = "873ed75102791e5b0b8a7fcd41606c92fcec98d56d05ead4ac5131650004c136"
	busybox   = "27a71e19c95622dce4d60d4a3760707495c9875f5c5322c5bd535eb07d8ae0b2"
	container = "c0ffee0000000000000000000000000000000000000000000000000000000001"
	sandbox   = "5a4d0000000000000000000000000000000000000000000000000000000000a1"
)

func client(t *testing.T, s *critest.Server) *Client {
	t.Helper()
	c, err := New(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCRIO(t *testing.T) {
	c := client(t, critest.Serve(t, "cri-o.json"))
	images, err := c.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]runtime.Image{
		{
			ID: pause, Tags: []string{"registry.k8s.io/pause:3.10.1"}, Size: 742080,
			Digests: []string{"registry.k8s.io/pause@sha256:278fb9dbcca9518083ad1e11276933a2e96f23de604a3a08cc3c80002767d24c"},
			Pinned:  true, // because new sandboxes are made from it
		},
		{
			ID: busybox, Size: 4524032,
			Digests: []string{"docker.io/library/busybox@sha256:ab33eacc8251e3807b85bb6dba570e4698c3998eca6f0fc2ccb60575a563ea74"},
		},
		{
			ID:   "0d0c9b9b4a4a7b1b4f5d7c7d4c7b8b5a8b4a6d8b1c9e0f2a3b4c5d6e7f809192",
			Tags: []string{"quay.io/crio/hello:1", "quay.io/crio/hello:latest"}, Size: 1 << 20,
			Digests: []string{"quay.io/crio/hello@sha256:1111111111111111111111111111111111111111111111111111111111111111"},
			Pinned:  true,
		},
	}, images); diff != "" {
		t.Error(diff)
	}
	containers, err := c.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := runtime.Container{
		ID: container, Sandbox: sandbox, Namespace: "shop", Pod: "web-1", PodUID: "0a0a0a0a-0000-4000-8000-000000000001",
		Name: "main", Attempt: 2, Running: true, Created: time.Unix(1764060000, 0),
		ImageRefs: []string{
			busybox,
			"docker.io/library/busybox@sha256:ab33eacc8251e3807b85bb6dba570e4698c3998eca6f0fc2ccb60575a563ea74",
			"docker.io/library/busybox:1.36",
		},
		Labels: map[string]string{
			"io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.namespace": "shop",
			"io.kubernetes.pod.uid": "0a0a0a0a-0000-4000-8000-000000000001", "io.kubernetes.container.name": "main",
		},
		Annotations: map[string]string{"io.kubernetes.container.restartCount": "2"},
	}
	if diff := cmp.Diff([]runtime.Container{want}, containers); diff != "" {
		t.Error(diff)
	}
	want.Running, want.Dead = false, true
	want.Finished = time.Unix(1764060060, 0)
	want.LogPath = "/var/log/pods/shop_web-1_0a0a0a0a-0000-4000-8000-000000000001/main/2.log"
	one, ok, err := c.Container(t.Context(), container)
	if diff := cmp.Diff(want, one); diff != "" || !ok || err != nil {
		t.Error(diff, ok, err)
	}
	// Its sandbox was made from nothing, so what CRI-O would make one from stands
	// for it.
	sandboxes, err := c.Sandboxes(t.Context())
	if diff := cmp.Diff([]runtime.Sandbox{{
		ID: sandbox, Namespace: "shop", Pod: "web-1", PodUID: "0a0a0a0a-0000-4000-8000-000000000001",
		Ready: true, Created: time.Unix(1764059990, 0), ImageRefs: []string{pause},
		Labels: map[string]string{"io.kubernetes.pod.name": "web-1"}, Annotations: map[string]string{"kubernetes.io/config.source": "api"},
	}}, sandboxes); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestContainerd(t *testing.T) {
	const (
		uid       = "5cce015c-771b-4c9d-a0f3-28c1eeee59f5"
		web       = "sha256:701ab231ace98eec0b1c6e377c6735613f1500e6b805110dfd269a428d77827c"
		digest    = "10.190.0.1:5000/web@sha256:0480fda231bbfa93f692a3e543f852a15461b4b0e1c57c6e0feef81b8d9ffcd7"
		container = "7d3ebcf5128986d3b551beac7a4dc2aaa8b7d3c4aed40d57a2f641662b1900ec"
		sandbox   = "3c92759e02e40a24cac9dddcc7963bd433745188599cbdfef3f4f341757344fb"
	)
	c := client(t, critest.Serve(t, "containerd-2.4.2.json"))
	images, err := c.Images(t.Context())
	if diff := cmp.Diff([]runtime.Image{
		{ // imported: it has no digest
			ID:   "sha256:c66ebed62f0f9dc1e9b9a7d42df2a2682b8de601835f33fd2d3d88e922e2757a",
			Tags: []string{"localhost/pause:1", "localhost/worker:1"}, Size: 1678967, Pinned: true,
		},
		{ID: web, Tags: []string{"10.190.0.1:5000/web:1"}, Digests: []string{digest}, Size: 2728055},
	}, images); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if one, ok, err := c.Image(t.Context(), "10.190.0.1:5000/web:1"); !ok || err != nil || one.ID != web {
		t.Error(one, ok, err)
	}
	one, ok, err := c.Container(t.Context(), container)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if diff := cmp.Diff(runtime.Container{
		ID: container, Sandbox: sandbox, Namespace: "default", Pod: "web", PodUID: uid, Name: "worker", Running: true,
		Created:     time.Unix(0, 1795649004842972299),
		ImageRefs:   []string{web, "10.190.0.1:5000/web:1", digest},
		Labels:      one.Labels,
		Annotations: one.Annotations,
		LogPath:     "/lab/n1/nodefs/pods/default_web_" + uid + "/worker/0.log",
	}, one); diff != "" {
		t.Error(diff)
	}
	sandboxes, err := c.Sandboxes(t.Context())
	if err != nil || len(sandboxes) != 1 {
		t.Fatal(sandboxes, err)
	}
	if s := sandboxes[0]; s.ID != sandbox || s.PodUID != uid || s.Namespace != "default" || s.Pod != "web" || !s.Ready || !slices.Equal(s.ImageRefs, []string{"localhost/pause:1"}) {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsRemovedIsNamedExactly(t *testing.T) {
	s := critest.Serve(t, "cri-o.json")
	c := client(t, s)
	for _, err := range []error{
		c.RemoveImage(t.Context(), busybox), c.RemoveContainer(t.Context(), container),
		c.RemoveSandbox(t.Context(), sandbox), c.ReopenLog(t.Context(), container),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{
		`RemoveImage {"image":{"image":"` + busybox + `"}}`,
		`RemoveContainer {"containerId":"` + container + `"}`,
		`RemovePodSandbox {"podSandboxId":"` + sandbox + `"}`,
		`ReopenContainerLog {"containerId":"` + container + `"}`,
	}, s.Requests()); diff != "" {
		t.Error(diff)
	}
	for _, err := range []error{c.RemoveImage(t.Context(), ""), c.RemoveContainer(t.Context(), ""), c.RemoveSandbox(t.Context(), "")} {
		if err == nil {
			t.Error("nothing was named, and it is no error")
		}
	}
	if asked := s.Requests(); len(asked) != 4 {
		t.Errorf("the runtime was asked %q", asked)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := critest.Serve(t, "cri-o.json")
	for _, name := range []string{"ImageStatus", "ContainerStatus", "PodSandboxStatus", "RemoveImage", "RemoveContainer", "RemovePodSandbox", "ReopenContainerLog"} {
		s.Instead[name] = func(context.Context, proto.Message) (proto.Message, error) {
			return nil, status.Error(codes.NotFound, "no such thing")
		}
	}
	c := client(t, s)
	for name, err := range map[string]error{
		"image": c.RemoveImage(t.Context(), "x"), "container": c.RemoveContainer(t.Context(), "x"), "sandbox": c.RemoveSandbox(t.Context(), "x"),
	} {
		if err != nil {
			t.Errorf("removing an %s that is gone: %v", name, err)
		}
	}
	if _, ok, err := c.Image(t.Context(), "x"); ok || err != nil {
		t.Errorf("an image: %t, %v", ok, err)
	}
	if _, ok, err := c.Image(t.Context(), ""); ok || err != nil {
		t.Errorf("the image without a name: %t, %v", ok, err)
	}
	for _, id := range []string{container, "x"} {
		if _, ok, err := c.Container(t.Context(), id); ok || err != nil {
			t.Errorf("container %s: %t, %v", id, ok, err)
		}
	}
	if got, err := c.Sandboxes(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("a sandbox that went away after it was listed: %v, %v", got, err)
	}
	if err := c.ReopenLog(t.Context(), "x"); err == nil {
		t.Error("a log that is not there was opened again")
	}
	// containerd answers so for an image that it does not have.
	s.Instead["ImageStatus"] = func(context.Context, proto.Message) (proto.Message, error) { return &v1.ImageStatusResponse{}, nil }
	if _, ok, err := c.Image(t.Context(), "x"); ok || err != nil {
		t.Errorf("an image: %t, %v", ok, err)
	}
}

// looks are the calls that remove nothing.
func looks(c *Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Images":     func(ctx context.Context) error { _, err := c.Images(ctx); return err },
		"Image":      func(ctx context.Context) error { _, _, err := c.Image(ctx, "x"); return err },
		"Containers": func(ctx context.Context) error { _, err := c.Containers(ctx); return err },
		"Container":  func(ctx context.Context) error { _, _, err := c.Container(ctx, container); return err },
		"Sandboxes":  func(ctx context.Context) error { _, err := c.Sandboxes(ctx); return err },
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	answer := func(code codes.Code, message string) func(context.Context, proto.Message) (proto.Message, error) {
		return func(context.Context, proto.Message) (proto.Message, error) { return nil, status.Error(code, message) }
	}
	for sentence, tc := range map[string]struct {
		answer func(context.Context, proto.Message) (proto.Message, error)
		want   string
	}{
		"it speaks another version": {answer(codes.Unimplemented, "unknown service runtime.v1"), "containerd 1.6 and CRI-O 1.24"},
		"it fails":                  {answer(codes.Unknown, "disk is on fire"), "disk is on fire"},
		"its deadline, not ours":    {answer(codes.DeadlineExceeded, "snapshotter is slow"), "snapshotter is slow"},
		"it says too much": {func(context.Context, proto.Message) (proto.Message, error) {
			return &v1.ListImagesResponse{Images: []*v1.Image{{Id: strings.Repeat("x", maxAnswer)}}}, nil
		}, "an answer may have 16777216 bytes"},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := critest.Serve(t, "cri-o.json")
			for _, name := range []string{"ListImages", "ImageStatus", "ListContainers", "ListPodSandbox", "RemoveImage"} {
				s.Instead[name] = tc.answer
			}
			c := client(t, s)
			for name, look := range looks(c) {
				if err := look(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), c.path) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := c.RemoveImage(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("RemoveImage: %v", err)
			}
		})
	}
	c, err := New("unix:///nowhere/s")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, look := range looks(c) {
		if err := look(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") || !strings.Contains(err.Error(), "--runtime.endpoint") {
			t.Errorf("nobody there: %s: %v", name, err)
		}
	}
	for _, endpoint := range []string{"", "run/s", "tcp://127.0.0.1:1", "unix://run/s"} {
		if _, err := New(endpoint); err == nil || !strings.Contains(err.Error(), "is not a Unix socket") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

func TestAnswersThatCannotBeUnderstoodAreErrors(t *testing.T) {
	s := critest.Serve(t, "cri-o.json")
	s.Instead["ListImages"] = func(context.Context, proto.Message) (proto.Message, error) {
		return &v1.ListImagesResponse{Images: []*v1.Image{{RepoTags: []string{"a:1"}}}}, nil
	}
	s.Instead["ImageStatus"] = func(context.Context, proto.Message) (proto.Message, error) {
		return &v1.ImageStatusResponse{Image: &v1.Image{}}, nil
	}
	s.Instead["ListContainers"] = func(context.Context, proto.Message) (proto.Message, error) {
		return &v1.ListContainersResponse{Containers: []*v1.Container{{}}}, nil
	}
	s.Instead["ListPodSandbox"] = func(context.Context, proto.Message) (proto.Message, error) {
		return &v1.ListPodSandboxResponse{Items: []*v1.PodSandbox{{}}}, nil
	}
	for name, look := range looks(client(t, s)) {
		if err := look(t.Context()); err == nil || !strings.Contains(err.Error(), "no ID") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCallsEnd(t *testing.T) {
	s := critest.Serve(t, "cri-o.json")
	ctx, cancel := context.WithCancel(t.Context())
	s.Instead["ListContainers"] = func(stream context.Context, _ proto.Message) (proto.Message, error) {
		cancel()
		<-stream.Done() // the server hears of it, too
		return nil, stream.Err()
	}
	if _, err := client(t, s).Containers(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestARestartedRuntimeIsAskedAgain(t *testing.T) {
	s := critest.Serve(t, "cri-o.json")
	c := client(t, s)
	if _, err := c.Containers(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if _, err := c.Containers(t.Context()); err == nil {
		t.Error("nobody is there, and it is no error")
	}
	os.Remove(c.path)
	s.Start(t)
	for {
		_, err := c.Containers(t.Context())
		if err == nil {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // connections are tried every three seconds at least
	}
}

func TestASandboxIsAskedOnceAndForgottenWithIt(t *testing.T) {
	s := critest.Serve(t, "cri-o.json")
	s.Instead["PodSandboxStatus"] = func(context.Context, proto.Message) (proto.Message, error) {
		return &v1.PodSandboxStatusResponse{Info: map[string]string{"info": `{"image":"registry.k8s.io/pause:3.9"}`}}, nil
	}
	c := client(t, s)
	for range 3 {
		got, err := c.Sandboxes(t.Context())
		if err != nil || len(got) != 1 || !slices.Equal(got[0].ImageRefs, []string{"registry.k8s.io/pause:3.9"}) {
			t.Fatal(got, err)
		}
	}
	asked := func() (n int) {
		for _, r := range s.Requests() {
			if r == `PodSandboxStatus {"podSandboxId":"`+sandbox+`","verbose":true}` {
				n++
			}
		}
		return n
	}
	if n := asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	s.Instead["ListPodSandbox"] = func(context.Context, proto.Message) (proto.Message, error) { return &v1.ListPodSandboxResponse{}, nil }
	if _, err := c.Sandboxes(t.Context()); err != nil || len(c.held) != 0 {
		t.Errorf("%v, remembers %v", err, c.held)
	}
}

func TestSandboxOfUnknownImage(t *testing.T) {
	s := critest.Serve(t, "cri-o.json")
	s.Instead["Status"] = func(context.Context, proto.Message) (proto.Message, error) {
		return &v1.StatusResponse{Info: map[string]string{"config": `{"containerd":{}}`}}, nil
	}
	for _, info := range []map[string]string{nil, {"info": ""}, {"info": "{}"}, {"info": "[1]"}, {"info": `{"image":7}`}, {"info": `{"image":""`}} {
		s.Instead["PodSandboxStatus"] = func(context.Context, proto.Message) (proto.Message, error) {
			return &v1.PodSandboxStatusResponse{Info: info}, nil
		}
		got, err := client(t, s).Sandboxes(t.Context())
		if err != nil || len(got) != 1 || got[0].ImageRefs != nil {
			t.Errorf("%v: %v, %v", info, got, err)
		}
	}
}
