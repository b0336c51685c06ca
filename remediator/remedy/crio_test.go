package remedy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime/cri"
	"github.com/nodeheadroom/headroom/node/runtime/cri/critest"
)

// These IDs are as CRI-O gives them: bare hexadecimal.
const (
	crioPause  = "873ed75102791e5b0b8a7fcd41606c92fcec98d56d05ead4ac5131650004c136"
	crioWeb    = "27a71e19c95622dce4d60d4a3760707495c9875f5c5322c5bd535eb07d8ae0b2"
	crioUnused = "11d0c1a7b3e84a5b9f2d7c6e5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b"
	crioWebRef = "docker.io/library/busybox@sha256:ab33eacc8251e3807b85bb6dba570e4698c3998eca6f0fc2ccb60575a563ea74"
)

// A crio is a node whose runtime answers over gRPC in the forms of CRI-O, as the
// recording has them, and changes as it is told to. Its container web was restarted
// twice and runs, its log is web/2.log; one image is used by nobody.
type crio struct {
	logs
	*critest.Server
	containers []*v1.Container
	images     []*v1.Image
	reopen     func() error
	unused     map[string]time.Time
}

func onCRIO(t *testing.T) *crio {
	t.Helper()
	c := &crio{logs: newLogs(t), Server: critest.Serve(t, "cri-o.json"), unused: map[string]time.Time{crioUnused: time.Now().Add(-time.Hour)}}
	for attempt, state := range []v1.ContainerState{v1.ContainerState_CONTAINER_EXITED, v1.ContainerState_CONTAINER_EXITED, v1.ContainerState_CONTAINER_RUNNING} {
		labels := labelsOf(c.running())
		c.containers = append(c.containers, &v1.Container{
			Id:           strings.Repeat(string(rune('a'+attempt)), 64),
			PodSandboxId: "5a4d0000000000000000000000000000000000000000000000000000000000a1",
			Metadata:     &v1.ContainerMetadata{Name: "web", Attempt: uint32(attempt)},
			Image:        &v1.ImageSpec{Image: crioWeb, UserSpecifiedImage: "docker.io/library/busybox:1.36"},
			ImageRef:     crioWebRef, ImageId: crioWeb, State: state, Labels: labels,
			CreatedAt: time.Now().Add(time.Duration(attempt-60) * time.Minute).UnixNano(),
		})
	}
	c.images = []*v1.Image{
		{Id: crioPause, RepoTags: []string{"registry.k8s.io/pause:3.10.1"}, Size: 742080},
		{Id: crioWeb, RepoDigests: []string{crioWebRef}, Size: 4524032},
		{Id: crioUnused, RepoTags: []string{"quay.io/x/old:1"}, RepoDigests: []string{"quay.io/x/old@sha256:1111111111111111111111111111111111111111111111111111111111111111"}, Size: 1 << 20},
	}
	c.Instead["ListImages"] = func(context.Context, proto.Message) (proto.Message, error) {
		return &v1.ListImagesResponse{Images: c.images}, nil
	}
	c.Instead["ImageStatus"] = c.imageStatus
	c.Instead["ListContainers"] = func(_ context.Context, in proto.Message) (proto.Message, error) {
		id := in.(*v1.ListContainersRequest).GetFilter().GetId()
		return &v1.ListContainersResponse{Containers: slices.DeleteFunc(slices.Clone(c.containers), func(k *v1.Container) bool { return id != "" && k.Id != id })}, nil
	}
	c.Instead["ContainerStatus"] = c.containerStatus
	c.Instead["ContainerStats"] = func(_ context.Context, in proto.Message) (proto.Message, error) { // of dead ones, too
		return &v1.ContainerStatsResponse{Stats: &v1.ContainerStats{
			Attributes:    &v1.ContainerAttributes{Id: in.(*v1.ContainerStatsRequest).GetContainerId()},
			WritableLayer: &v1.FilesystemUsage{UsedBytes: &v1.UInt64Value{Value: 8192}, InodesUsed: &v1.UInt64Value{Value: 3}},
		}}, nil
	}
	c.Instead["RemoveContainer"] = func(_ context.Context, in proto.Message) (proto.Message, error) {
		c.containers = slices.DeleteFunc(c.containers, func(k *v1.Container) bool { return k.Id == in.(*v1.RemoveContainerRequest).GetContainerId() })
		return &v1.RemoveContainerResponse{}, nil
	}
	c.Instead["RemoveImage"] = func(_ context.Context, in proto.Message) (proto.Message, error) {
		c.images = slices.DeleteFunc(c.images, func(i *v1.Image) bool { return i.Id == in.(*v1.RemoveImageRequest).GetImage().GetImage() })
		return &v1.RemoveImageResponse{}, nil
	}
	c.Instead["ReopenContainerLog"] = func(context.Context, proto.Message) (proto.Message, error) {
		if c.reopen == nil {
			return nil, errors.New("nothing may be changed")
		}
		return &v1.ReopenContainerLogResponse{}, c.reopen()
	}
	client, err := cri.New(c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	uid := labelsOf(c.running())["io.kubernetes.pod.uid"]
	c.node.Runtime = client
	c.node.Pods = scriptedPods{pods: []node.Pod{
		{Namespace: "shop", Name: "web-0", UID: uid, Images: []string{"docker.io/library/busybox:1.36"}},
		{Namespace: "shop", Name: "web-1", UID: "0a0a0a0a-0000-4000-8000-000000000001"}, // whose sandbox was recorded
	}}
	c.node.Unused = c
	c.node.Disk = func(context.Context, headroom.Filesystem) (node.Disk, error) { return c.disk(), nil }
	return c
}

func (c *crio) Since(id string) (time.Time, bool) { at, ok := c.unused[id]; return at, ok }

func (c *crio) imageStatus(_ context.Context, in proto.Message) (proto.Message, error) {
	ref := in.(*v1.ImageStatusRequest).GetImage().GetImage()
	answer := &v1.ImageStatusResponse{}
	for _, i := range c.images {
		names := slices.Concat([]string{i.Id}, i.RepoTags, i.RepoDigests)
		if slices.Contains(names, ref) || i.Id == crioWeb && ref == "docker.io/library/busybox:1.36" {
			answer.Image = i
		}
	}
	if in.(*v1.ImageStatusRequest).GetVerbose() && answer.Image != nil {
		answer.Info = map[string]string{"info": `{"imageSpec":{"architecture":"amd64","config":{"Cmd":["sh"]}}}`}
	}
	return answer, nil
}

func (c *crio) containerStatus(_ context.Context, in proto.Message) (proto.Message, error) {
	at := slices.IndexFunc(c.containers, func(k *v1.Container) bool { return k.Id == in.(*v1.ContainerStatusRequest).GetContainerId() })
	if at < 0 {
		return nil, errors.New("could not find container")
	}
	k := c.containers[at]
	status := &v1.ContainerStatus{
		Id: k.Id, Metadata: k.Metadata, State: k.State, CreatedAt: k.CreatedAt, Labels: k.Labels,
		Image: &v1.ImageSpec{Image: "docker.io/library/busybox:1.36"}, ImageRef: k.ImageRef, ImageId: k.ImageId,
		LogPath: c.path(web + string(rune('0'+k.Metadata.Attempt)) + ".log"),
	}
	if k.State == v1.ContainerState_CONTAINER_EXITED {
		status.FinishedAt = k.CreatedAt + int64(30*time.Second)
	}
	return &v1.ContainerStatusResponse{Status: status}, nil
}

// changes are the requests that change something.
func (c *crio) changes() []string {
	return slices.DeleteFunc(c.Requests(), func(r string) bool {
		return strings.HasPrefix(r, "List") || strings.Contains(r[:strings.Index(r, " ")], "Stat") || strings.HasPrefix(r, "PodSandboxStatus")
	})
}

// run plans, and applies what was planned.
func (c *crio) run(r Remedy, need Need) (plan Plan, removed headroom.Amount, notes []string) {
	c.t.Helper()
	plan, err := r.Plan(c.t.Context(), c.node, need)
	if err != nil {
		c.t.Fatal(err)
	}
	if asked := c.changes(); len(asked) > 0 {
		c.t.Errorf("a plan asks for %q", asked)
	}
	notes, err = r.Apply(c.t.Context(), c.node, plan, Run{
		Missing: func(context.Context) (int64, error) { return need.Amount - removed.In(need.Signal.Unit()), nil },
		Removed: func(_ Item, a headroom.Amount) { removed = removed.Add(a) },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return plan, removed, append(plan.Notes, notes...)
}

// older has it answer as it did before the CRI had a field for an image's ID, as
// nodes of OpenShift 4.9 were seen to do (IBM/core-dump-handler#44).
func (c *crio) older() {
	for _, k := range c.containers {
		k.Image, k.ImageId = &v1.ImageSpec{Image: crioWebRef}, ""
	}
}

// forms are CRI-O as it is and as it was.
var forms = map[string]func(*crio){"since 1.33": func(*crio) {}, "before": (*crio).older}

func TestImagesOfCRIO(t *testing.T) {
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			c := onCRIO(t)
			form(c)
			c.imagesGo()
		})
	}
}

func (c *crio) imagesGo() {
	t := c.t
	_, removed, notes := c.run(gc(t, "minAge: 1m"), c.bytes(all))
	if asked := c.changes(); len(asked) != 1 || asked[0] != `RemoveImage {"image":{"image":"`+crioUnused+`"}}` {
		t.Errorf("asked for %q; %q", asked, notes)
	}
	if removed.Bytes != 1<<20 || len(c.images) != 2 {
		t.Errorf("removed %+v, %d images are left; %q", removed, len(c.images), notes)
	}
}

func TestDeadContainersOfCRIO(t *testing.T) {
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			c := onCRIO(t)
			form(c)
			c.deadOnesGo()
		})
	}
}

func (c *crio) deadOnesGo() {
	t := c.t
	for attempt, name := range []string{"0.log", "1.log", "2.log"} {
		c.write(web+name, 4*(attempt+1))
	}
	first := c.containers[0].Id
	_, removed, notes := c.run(ContainerPrune{}, c.bytes(all))
	if asked := c.changes(); len(asked) != 1 || asked[0] != `RemoveContainer {"containerId":"`+first+`"}` {
		t.Errorf("asked for %q; %q", asked, notes)
	}
	if want := (headroom.Amount{Bytes: 4096 + 8192, Inodes: 1 + 3}); removed != want {
		t.Errorf("removed %+v, want %+v; %q", removed, want, notes)
	}
	left, _ := filepath.Glob(c.path(web + "*"))
	if len(left) != 2 {
		t.Errorf("left are %q", left)
	}
	noted(t, notes, "newest dead")
}

// conmon closes its log first and does not append after a reopen.
func TestALiveLogOfCRIO(t *testing.T) {
	c := onCRIO(t)
	c.containers = c.containers[2:]
	path := c.write(web+"2.log", 2<<10)
	writer := start(t, "conmon", path)
	c.reopen = func() error { return reopenBy(writer.cmd.Process.Pid, path) }
	was := inode(t, path)
	plan, removed, notes := c.run(LogReclaim{}, c.bytes(all))
	if len(plan.Items) != 1 || plan.Items[0].Does != Rotate {
		t.Fatalf("plans %+v; %q", plan.Items, notes)
	}
	if asked := c.changes(); len(asked) != 1 || asked[0] != `ReopenContainerLog {"containerId":"`+c.containers[0].Id+`"}` {
		t.Errorf("asked for %q", asked)
	}
	writer.act()
	if got := content(t, path); removed.Bytes != 2<<20 || got != aLine || inode(t, path) == was {
		t.Errorf("removed %+v; the writer goes on with %q in inode %d, which was %d; %q", removed, got, inode(t, path), was, notes)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left are %v", left)
	}
}
