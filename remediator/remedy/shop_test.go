package remedy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// A shop is a node with a runtime and a kubelet, which change when a test wants
// them to: between two calls, which real ones do not do on demand.
type shop struct {
	t          *testing.T
	images     []runtime.Image
	containers []runtime.Container
	sandboxes  []runtime.Sandbox
	pods       []node.Pod
	since      map[string]time.Time
	frees      map[string]int64 // what a removal gives back, by ID; the size if it is not here
	disk       node.Disk

	freed    int64
	readOnly bool // a removal fails the test
	late     bool // a removal that fails has its effect all the same
	removed  []string
	calls    []string
	before   map[string]func() // what happens before a call, by its name
	fails    map[string]error  // calls that fail
	names    map[string]string // further names, and the IDs that they stand for
	after    func(id string)   // after a removal
	needs    func(int64) int64 // what is missing when so much was freed
	reports  []headroom.Amount // by Removed
	steps    []string          // by Step
}

var someDisk = node.Disk{Major: 8, Minor: 1}

// id is an ID that can be read by those who know hexadecimal.
func id(name string) string {
	return "sha256:" + strings.ReplaceAll(fmt.Sprintf("%64x", name), " ", "0")
}

// image is one that a registry of this machine gave and that is long unused.
func image(name string, size int64) runtime.Image {
	repository, _, _ := strings.Cut(name, ":")
	return runtime.Image{ID: id(name), Tags: []string{"r.example/" + name}, Digests: []string{"r.example/" + repository + "@" + id("manifest "+name)}, Size: size}
}

// newShop has one pod that runs, made from web:2 in a sandbox of pause:1, and four
// images that nobody needs.
func newShop(t *testing.T) *shop {
	s := &shop{
		t: t, disk: someDisk,
		images: []runtime.Image{
			image("pause:1", 1), image("web:2", 500),
			image("a:1", 100), image("b:1", 400), image("c:1", 300), image("d:1", 200),
		},
		sandboxes:  []runtime.Sandbox{{ID: "s1", Namespace: "shop", Pod: "web", PodUID: "u1", Ready: true, ImageRefs: []string{"r.example/pause:1"}}},
		containers: []runtime.Container{{ID: "c1", Sandbox: "s1", Name: "main", Running: true, ImageRefs: []string{id("web:2"), "r.example/web:2"}}},
		pods:       []node.Pod{{Namespace: "shop", Name: "web", UID: "u1", Images: []string{"r.example/web:2"}}},
		since:      make(map[string]time.Time),
		frees:      make(map[string]int64),
		before:     make(map[string]func()),
		fails:      make(map[string]error),
		names:      make(map[string]string),
	}
	for _, i := range s.images {
		s.since[i.ID] = time.Now().Add(-time.Hour)
	}
	return s
}

func (s *shop) call(name string) error {
	s.calls = append(s.calls, name)
	if do := s.before[name]; do != nil {
		do()
	}
	return s.fails[name]
}

func (s *shop) Images(context.Context) ([]runtime.Image, error) {
	return slices.Clone(s.images), s.call("Images")
}

func (s *shop) Image(_ context.Context, ref string) (runtime.Image, bool, error) {
	if err := s.call("Image"); err != nil {
		return runtime.Image{}, false, err
	}
	for _, i := range s.images {
		if ref == i.ID || ref == trimID(i.ID) || s.names[ref] == i.ID || slices.Contains(i.Tags, ref) || slices.Contains(i.Digests, ref) {
			return i, true, nil
		}
	}
	return runtime.Image{}, false, nil
}

func (s *shop) RemoveImage(_ context.Context, id string) error {
	err := s.call("RemoveImage")
	if err != nil && !s.late {
		return err
	}
	if s.readOnly {
		s.t.Errorf("%s was removed", id)
	}
	at := slices.IndexFunc(s.images, func(i runtime.Image) bool { return i.ID == id })
	if at < 0 {
		return err
	}
	frees, ok := s.frees[id]
	if !ok {
		frees = s.images[at].Size
	}
	s.removed = append(s.removed, s.images[at].Tags[0])
	s.images = slices.Delete(s.images, at, at+1)
	s.freed += frees
	if s.after != nil {
		s.after(id)
	}
	return err
}

func (s *shop) Containers(context.Context) ([]runtime.Container, error) {
	err := s.call("Containers")
	return slices.Clone(s.containers), err
}

func (s *shop) Sandboxes(context.Context) ([]runtime.Sandbox, error) {
	err := s.call("Sandboxes")
	return slices.Clone(s.sandboxes), err
}

func (s *shop) Pods(context.Context) ([]node.Pod, error) {
	err := s.call("Pods")
	return slices.Clone(s.pods), err
}

func (s *shop) Container(context.Context, string) (runtime.Container, bool, error) {
	return runtime.Container{}, false, errors.New("not asked here")
}

func (s *shop) RemoveContainer(context.Context, string) error {
	s.t.Error("a container was removed")
	return nil
}

func (s *shop) RemoveSandbox(context.Context, string) error {
	s.t.Error("a sandbox was removed")
	return nil
}
func (s *shop) ReopenLog(context.Context, string) error {
	s.t.Error("a log was opened again")
	return nil
}

func (s *shop) Since(id string) (time.Time, bool) { t, ok := s.since[id]; return t, ok }
func (s *shop) Forget(id string)                  { delete(s.since, id) }

func (s *shop) node() Node {
	return Node{Name: "n1", Runtime: s, Pods: s, Unused: s, Disk: func(context.Context, headroom.Filesystem) (node.Disk, error) {
		return s.disk, s.fails["Disk"]
	}}
}

// gc is configured so that no registry is asked.
func gc(t *testing.T, keys string) Remedy {
	t.Helper()
	r, err := ImageGC{}.Configure(fromYAML("{" + strings.TrimPrefix("registry: ignore, "+keys, ", ") + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func bytesNeed(amount int64) Need { return Need{headroom.ImageFSAvailable, someDisk, amount} }

func (s *shop) plan(r Remedy, need Need) Plan {
	s.t.Helper()
	s.readOnly = true
	plan, err := r.Plan(s.t.Context(), s.node(), need)
	s.readOnly = false
	if err != nil {
		s.t.Fatal(err)
	}
	return plan
}

func (s *shop) apply(r Remedy, plan Plan) ([]string, error) {
	s.t.Helper()
	return r.Apply(s.t.Context(), s.node(), plan, Run{
		Missing: func(context.Context) (int64, error) {
			if s.needs != nil {
				return s.needs(s.freed), s.fails["Missing"]
			}
			return plan.need.Amount - s.freed, s.fails["Missing"]
		},
		Removed: func(_ Item, a headroom.Amount) { s.reports = append(s.reports, a) },
		Step:    func(name string) { s.steps = append(s.steps, name) },
	})
}

// names lists what a plan would remove.
func (s *shop) planned(p Plan) []string {
	var names []string
	for _, item := range p.Items {
		names = append(names, item.Does+" "+item.What)
	}
	return names
}
