package remedy

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

var unneeded = []string{"remove image r.example/b:1", "remove image r.example/c:1", "remove image r.example/d:1", "remove image r.example/a:1"}

func TestImagesThatNothingNeedsGoLargestFirst(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(650))
	if diff := cmp.Diff(unneeded, s.planned(plan)); diff != "" {
		t.Error(diff)
	}
	// b and c suffice if their sizes are true.
	if plan.Frees != (headroom.Amount{Bytes: 700}) || plan.Items[2].Frees != (headroom.Amount{}) {
		t.Errorf("frees %+v", plan.Frees)
	}
	noted(t, plan.Notes, "the last 2 are removed only if")
	notes, err := s.apply(gc(t, ""), plan)
	if diff := cmp.Diff([]string{"r.example/b:1", "r.example/c:1"}, s.removed); diff != "" || err != nil {
		t.Error(diff, notes, err)
	}
	if diff := cmp.Diff([]headroom.Amount{{Bytes: 400}, {Bytes: 300}}, s.reports); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{imageRemoved, imageRemoved}, s.steps); diff != "" {
		t.Error(diff)
	}
	if again := s.plan(gc(t, ""), bytesNeed(0)); len(again.Items) > 0 {
		t.Errorf("what is not missing is planned: %v", s.planned(again))
	}
	if _, known := s.since[id("b:1")]; known {
		t.Error("what was removed would be old if it were pulled again")
	}
}

// Each row makes b:1, the largest, needed, or not to be judged: of the rest the
// next must go.
func TestHazardImageGCPauseOrPinnedRemoved(t *testing.T) {
	b := id("b:1")
	for sentence, tc := range map[string]struct {
		keys string
		set  func(*shop)
		note string
	}{
		"a pinned image":                     {set: func(s *shop) { s.images[3].Pinned = true }, note: "the runtime pins it"},
		"one that a container runs from":     {set: func(s *shop) { s.containers[0].ImageRefs = []string{b} }, note: byContainer},
		"one that a dead container is from":  {set: func(s *shop) { s.containers[0] = runtime.Container{ID: "c", Dead: true, ImageRefs: []string{b}} }, note: byContainer},
		"one that a container names by tag":  {set: func(s *shop) { s.containers[0].ImageRefs = []string{"r.example/b:1"} }, note: byContainer},
		"one that is named by a bare ID":     {set: func(s *shop) { s.containers[0].ImageRefs = []string{trimID(b)} }, note: byContainer},
		"one that is named by a digest":      {set: func(s *shop) { s.containers[0].ImageRefs = []string{"r.example/b@" + id("manifest b:1")} }, note: byContainer},
		"one that only a sandbox is from":    {set: func(s *shop) { s.sandboxes[0].ImageRefs = []string{"r.example/b:1"} }, note: bySandbox},
		"one that a dead sandbox is from":    {set: func(s *shop) { s.sandboxes = append(s.sandboxes, runtime.Sandbox{ID: "s2", ImageRefs: []string{b}}) }, note: bySandbox},
		"one that a pod not yet made wants":  {set: func(s *shop) { s.pods = append(s.pods, node.Pod{UID: "u2", Images: []string{"r.example/b:1"}}) }, note: byPod},
		"one that a pod wants by its ID":     {set: func(s *shop) { s.pods = append(s.pods, node.Pod{UID: "u2", Images: []string{trimID(b)}}) }, note: byPod},
		"one that a pod names as it pleases": {set: func(s *shop) { s.pods[0].Images, s.names["b"] = []string{"b"}, b }, note: byPod},
		"one that a pod and a container want, each another tag": {set: func(s *shop) {
			s.images[3].Tags = []string{"r.example/old:1", "r.example/b:1"}
			s.pods[0].Images = []string{"r.example/b:1"}
		}, note: byPod},
		"one that is kept":                        {keys: "keep: ['r.example/b:*']", note: `keep has "r.example/b:*"`},
		"one that is kept by another tag":         {keys: "keep: [r.example/base]", set: func(s *shop) { s.images[3].Tags = append(s.images[3].Tags, "r.example/base:9") }, note: `keep has "r.example/base"`},
		"one that was just seen unused":           {set: func(s *shop) { s.since[b] = time.Now().Add(-9 * time.Minute) }, note: "not yet seen unused for 10m0s"},
		"one that was never seen":                 {keys: "minAge: 0s", set: func(s *shop) { delete(s.since, b) }, note: "not yet seen unused for 0s"},
		"one that will be unused, says the clock": {keys: "minAge: 0s", set: func(s *shop) { s.since[b] = time.Now().Add(time.Hour) }, note: "not yet seen unused"},
		"one that was imported by digest":         {set: func(s *shop) { s.images[3].Digests = []string{"docker.io/library/import-2026-11-01@" + b} }, note: "no registry gave it"},
		"one that no registry gave":               {set: func(s *shop) { s.images[3].Digests = nil }, note: "no registry gave it"},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := newShop(t)
			if tc.set != nil {
				tc.set(s)
			}
			plan := s.plan(gc(t, tc.keys), bytesNeed(1))
			if slices.ContainsFunc(plan.Items, func(i Item) bool { return i.id == b }) || len(plan.Items) < 3 {
				t.Errorf("plans %v", s.planned(plan))
			}
			noted(t, plan.Notes, tc.note)

			// The same, if it comes about only between plan and removal.
			s = newShop(t)
			plan = s.plan(gc(t, tc.keys), bytesNeed(1))
			if tc.keys != "" && tc.set == nil { // what is kept does not change
				return
			}
			if tc.keys == "" || strings.HasPrefix(tc.keys, "minAge") {
				plan = s.plan(gc(t, "minAge: 0s"), bytesNeed(1))
			}
			if plan.Items[0].id != b {
				t.Fatalf("plans %v", s.planned(plan))
			}
			tc.set(s)
			notes, err := s.apply(gc(t, tc.keys), plan)
			if diff := cmp.Diff([]string{"r.example/c:1"}, s.removed); diff != "" || err != nil {
				t.Error(diff, err)
			}
			if len(notes) != 1 || !strings.HasPrefix(notes[0], "left alone: image r.example/b:1: ") && !strings.Contains(notes[0], hasChanged) {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

func TestWhatNobodyNeedsAnyMoreMayGo(t *testing.T) {
	s := newShop(t)
	s.pods[0].Over = true
	s.containers = nil
	s.pods = append(s.pods, node.Pod{UID: "u2", Images: []string{"UPPER/case", "r.example/none:1", ""}})
	s.images[2].Digests = nil
	plan := s.plan(gc(t, "local: remove"), bytesNeed(1))
	if diff := cmp.Diff(append([]string{"remove image r.example/web:2"}, unneeded...), s.planned(plan)); diff != "" {
		t.Error(diff)
	}
}

// A name that was given to another image since keeps the other one; the container
// keeps its own.
func TestATagThatMoved(t *testing.T) {
	s := newShop(t)
	s.images[1].Tags = nil
	s.images[3].Tags = append(s.images[3].Tags, "r.example/web:2")
	plan := s.plan(gc(t, ""), bytesNeed(1))
	if diff := cmp.Diff([]string{"remove image r.example/c:1", "remove image r.example/d:1", "remove image r.example/a:1"}, s.planned(plan)); diff != "" {
		t.Error(diff)
	}
}

// By its ID: the name that it was made by is another image's now, and nobody wants
// that.
func TestAContainerIsBelievedByID(t *testing.T) {
	s := newShop(t)
	s.pods[0].Over = true
	s.images[1].Tags = nil
	s.images[3].Tags = []string{"r.example/web:2"}
	plan := s.plan(gc(t, ""), bytesNeed(1))
	if len(plan.Items) != 4 || plan.Items[0].id != id("b:1") {
		t.Errorf("plans %v", s.planned(plan))
	}
}

func TestAnImageThatGotAnotherNameSinceThePlanStays(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(1))
	s.images[3].Tags = []string{"r.example/again:1", "r.example/b:1"}
	notes, err := s.apply(gc(t, ""), plan)
	if diff := cmp.Diff([]string{"r.example/c:1"}, s.removed); diff != "" || err != nil {
		t.Error(diff, err)
	}
	noted(t, notes, "image r.example/b:1: "+hasChanged)
}

// Cannot tell means do not act: neither is anything planned nor, if it comes about
// later, removed.
func TestCannotTellRemovesNothing(t *testing.T) {
	for sentence, tc := range map[string]struct {
		set  func(*shop)
		want string // in a note or the error
	}{
		"what a container is from":             {func(s *shop) { s.containers[0].ImageRefs = nil }, "what container c1 is made from"},
		"what a sandbox is from":               {func(s *shop) { s.sandboxes[0].ImageRefs = nil }, "the sandbox of pod shop/web"},
		"what new sandboxes are from":          {func(s *shop) { s.sandboxes = nil }, "no sandbox that tells"},
		"which pods there are, at a beginning": {func(s *shop) { s.pods = nil }, "does not list pod shop/web"},
		"which but static pods there are": {func(s *shop) {
			s.pods = []node.Pod{{Namespace: "kube-system", Name: "etcd-n1", UID: "0123", Images: []string{"r.example/web:2"}}}
		}, "does not list pod shop/web"},
		"which pods there are":                  {func(s *shop) { s.fails["Pods"] = errors.New("kubelet is down") }, "kubelet is down"},
		"which containers there are":            {func(s *shop) { s.fails["Containers"] = errors.New("no containers") }, "no containers"},
		"which sandboxes there are":             {func(s *shop) { s.fails["Sandboxes"] = errors.New("no sandboxes") }, "no sandboxes"},
		"what a name stands for":                {func(s *shop) { s.fails["Image"] = errors.New("no image") }, "no image"},
		"on which disk images are":              {func(s *shop) { s.fails["Disk"] = errors.New("statfs hangs") }, "statfs hangs"},
		"images on another disk free none here": {func(s *shop) { s.disk = node.Disk{Major: 8, Minor: 2} }, "images are on disk 8:2, not on 8:1"},
	} {
		t.Run(sentence, func(t *testing.T) {
			for _, late := range []bool{false, true} {
				s := newShop(t)
				plan := s.plan(gc(t, ""), bytesNeed(1))
				tc.set(s)
				var notes []string
				var err error
				if late {
					notes, err = s.apply(gc(t, ""), plan)
				} else {
					plan, err = gc(t, "").Plan(t.Context(), s.node(), bytesNeed(1))
					notes = plan.Notes
					if len(plan.Items) > 0 {
						t.Errorf("plans %v", s.planned(plan))
					}
				}
				if err != nil {
					notes = append(notes, err.Error())
				}
				noted(t, notes, tc.want)
				if len(s.removed) > 0 {
					t.Errorf("late %t: removed %v", late, s.removed)
				}
			}
		})
	}
}

func TestNotesSayWhatToConfigure(t *testing.T) {
	s := newShop(t)
	for want, set := range map[string]func(*Node){
		"--runtime.endpoint": func(n *Node) { n.Runtime = nil },
		"--kubelet.url":      func(n *Node) { n.Pods = nil },
		"is not remembered":  func(n *Node) { n.Unused = nil },
		"disk images are on": func(n *Node) { n.Disk = nil },
	} {
		n := s.node()
		set(&n)
		plan, err := ImageGC{}.Plan(t.Context(), n, bytesNeed(1))
		if err != nil || len(plan.Items) > 0 {
			t.Errorf("%s: %v, %v", want, plan.Items, err)
		}
		noted(t, plan.Notes, want)
	}
	plan, err := ImageGC{}.Plan(t.Context(), s.node(), Need{headroom.MemoryAvailable, node.Disk{}, 1})
	if err != nil || len(plan.Items) > 0 {
		t.Error(plan.Items, err)
	}
	noted(t, plan.Notes, "which memory.available does not count")
	if len(s.calls) > 0 {
		t.Errorf("asked %v", s.calls)
	}
}

// The order of looking, without which something could be created unseen: images
// before those who need them, and pods first, then what is made from images.
func TestImagesAreListedBeforeThoseWhoNeedThem(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(1))
	want := []string{"Images", "Pods", "Image", "Containers", "Sandboxes", "Image"}
	if diff := cmp.Diff(want, s.calls); diff != "" {
		t.Error(diff)
	}
	s.calls = nil
	if _, err := s.apply(gc(t, ""), plan); err != nil {
		t.Error(err)
	}
	want = []string{"Image", "Pods", "Image", "Containers", "Sandboxes", "Image", "RemoveImage"}
	if diff := cmp.Diff(want, s.calls); diff != "" {
		t.Error(diff)
	}
}

// "created/pulled between list and delete"
func TestHazardImageGCCreatedOrPulledBetweenListAndDelete(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(600))
	s.before["RemoveImage"] = func() { // b goes; meanwhile somebody makes a container from c
		s.containers = append(s.containers, runtime.Container{ID: "new", ImageRefs: []string{id("c:1")}})
	}
	notes, err := s.apply(gc(t, ""), plan)
	if diff := cmp.Diff([]string{"r.example/b:1", "r.example/d:1"}, s.removed); diff != "" || err != nil {
		t.Error(diff, err)
	}
	noted(t, notes, "image r.example/c:1: "+byContainer)
}

// "two tags one id"
func TestHazardImageGCTwoTagsOneID(t *testing.T) {
	s := newShop(t)
	s.images[1].Tags = []string{"r.example/web:1", "r.example/web:2"} // the older comes first
	plan := s.plan(gc(t, ""), bytesNeed(1))
	if diff := cmp.Diff(unneeded, s.planned(plan)); diff != "" {
		t.Error(diff)
	}
}

// "node offline/air-gapped"
func TestHazardImageGCNodeOfflineOrAirGapped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	answers, silent := l.Addr().String(), closed.Addr().String()
	from := func(i *runtime.Image, hosts ...string) {
		i.Digests = nil
		for _, host := range hosts {
			i.Digests = append(i.Digests, host+"/x@"+i.ID)
		}
	}
	s := newShop(t)
	from(&s.images[2], silent)
	from(&s.images[3], answers)
	from(&s.images[4], answers, silent)
	from(&s.images[5], answers)
	s.images[5].Digests = append(s.images[5].Digests, "NO NAME")
	r, err := ImageGC{}.Configure(fromYAML(""))
	if err != nil {
		t.Fatal(err)
	}
	plan := s.plan(r, bytesNeed(1000))
	if diff := cmp.Diff(unneeded[:1], s.planned(plan)); diff != "" {
		t.Error(diff)
	}
	noted(t, plan.Notes, "and 1 more", "registry "+silent+" does not answer")
	noted(t, plan.Notes, "image r.example/d:1", "is not understood")
	l.Close() // between plan and removal
	notes, err := s.apply(r, plan)
	if err != nil || len(s.removed) > 0 {
		t.Errorf("removed %v, %v", s.removed, err)
	}
	noted(t, notes, "registry "+answers+" does not answer")
	if got := s.plan(gc(t, ""), bytesNeed(1000)); len(got.Items) != 4 {
		t.Errorf("ignored, and still %v", s.planned(got))
	}
}

func TestARegistryWhoseTurnDoesNotComeIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	i := runtime.Image{ID: id("x"), Digests: []string{l.Addr().String() + "/x@" + id("x"), "import-2026-11-01@" + id("x")}}
	if reason := reachRegistries(t.Context(), []runtime.Image{i}, time.Minute).forbids(i); reason != "" {
		t.Error(reason)
	}
	if reason := reachRegistries(t.Context(), []runtime.Image{i}, 0).forbids(i); !strings.Contains(reason, "does not answer") {
		t.Errorf("reason is %q", reason)
	}
	a := imageApply{asked: reachAll}
	if reason := a.unreachable(t.Context(), i); !strings.Contains(reason, "does not answer") {
		t.Errorf("while removing, the reason is %q", reason)
	}
}

func TestRegistryOf(t *testing.T) {
	for name, want := range map[string]string{
		"docker.io/library/busybox@" + id("x"): "registry-1.docker.io:443",
		"busybox@" + id("x"):                   "registry-1.docker.io:443",
		"registry.k8s.io/pause@" + id("x"):     "registry.k8s.io:443",
		"10.0.0.1:5000/a/b@" + id("x"):         "10.0.0.1:5000",
		"localhost/pause@" + id("x"):           "localhost:443",
		"[2001:db8::1]:5000/a@" + id("x"):      "[2001:db8::1]:5000",
	} {
		if got, err := registryOf(name); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

// "wrong accounting": sizes are claims, and disks give back when they please.
func TestHazardImageGCWrongAccounting(t *testing.T) {
	for sentence, tc := range map[string]struct {
		frees   map[string]int64
		needs   func(began time.Time) func(int64) int64
		want    []string
		atLeast time.Duration
	}{
		"layers that are shared free nothing": {
			frees: map[string]int64{id("b:1"): 0, id("c:1"): 0},
			want:  []string{"r.example/b:1", "r.example/c:1", "r.example/d:1"}, atLeast: 2 * settleTime,
		},
		"what comes late is waited for": {
			needs: func(began time.Time) func(int64) int64 {
				return func(freed int64) int64 {
					if freed > 0 && time.Since(began) > settleTime/2 {
						return 0
					}
					return 150
				}
			},
			want: []string{"r.example/b:1"}, atLeast: settleTime / 2,
		},
		"what others free counts": {
			needs: func(time.Time) func(int64) int64 { return func(int64) int64 { return 0 } },
		},
		"what others take counts, too": {
			needs: func(time.Time) func(int64) int64 { return func(freed int64) int64 { return 950 - freed } },
			want:  []string{"r.example/b:1", "r.example/c:1", "r.example/d:1", "r.example/a:1"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				if tc.frees != nil {
					s.frees = tc.frees
				}
				plan := s.plan(gc(t, ""), bytesNeed(150))
				began := time.Now()
				if tc.needs != nil {
					s.needs = tc.needs(began)
				}
				_, err := s.apply(gc(t, ""), plan)
				if diff := cmp.Diff(tc.want, s.removed); diff != "" || err != nil {
					t.Error(diff, err)
				}
				if took := time.Since(began); took < tc.atLeast || took > tc.atLeast+2*settleTime {
					t.Errorf("took %s", took) // of the test's own clock
				}
			})
		})
	}
}

func TestForInodesAsManyGoAsItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		plan := s.plan(gc(t, ""), Need{headroom.ImageFSInodesFree, someDisk, 5})
		if len(plan.Items) != 4 || plan.Frees != (headroom.Amount{}) {
			t.Errorf("plans %v, frees %+v", s.planned(plan), plan.Frees)
		}
		noted(t, plan.Notes, "how many inodes an image has is not known")
		s.frees = map[string]int64{id("b:1"): 0, id("c:1"): 4, id("d:1"): 1}
		if _, err := s.apply(gc(t, ""), plan); err != nil || len(s.removed) != 3 {
			t.Errorf("removed %v, %v", s.removed, err)
		}
		if diff := cmp.Diff([]headroom.Amount{{Bytes: 400}, {Bytes: 300}, {Bytes: 200}}, s.reports); diff != "" {
			t.Error(diff)
		}
	})
}

func TestImagesThatAreGoneCountAsDone(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(650))
	s.images = slices.DeleteFunc(s.images, func(i runtime.Image) bool { return i.ID == id("b:1") })
	notes, err := s.apply(gc(t, ""), plan)
	if diff := cmp.Diff([]string{"r.example/c:1", "r.example/d:1", "r.example/a:1"}, s.removed); diff != "" || err != nil || len(notes) > 0 {
		t.Error(diff, notes, err)
	}
	// And all once more, as after a crash.
	s.removed, s.freed = nil, 0
	if notes, err := s.apply(gc(t, ""), plan); err != nil || len(s.removed) > 0 || len(notes) > 0 {
		t.Errorf("removed %v, %v, %v", s.removed, notes, err)
	}
}

func TestAnImageThatTheRuntimeRefusesIsPassedOver(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(1))
	s.fails["RemoveImage"] = errors.New("image is in use by a container")
	s.before["RemoveImage"] = func() {
		if slices.Index(s.calls, "RemoveImage") < len(s.calls)-1 {
			delete(s.fails, "RemoveImage")
		}
	}
	notes, err := s.apply(gc(t, ""), plan)
	if diff := cmp.Diff([]string{"r.example/c:1"}, s.removed); diff != "" || err != nil || len(s.reports) != 1 {
		t.Error(diff, err, s.reports)
	}
	noted(t, notes, "image r.example/b:1: image is in use")
}

func TestRemovingStops(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(1000))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := gc(t, "").Apply(ctx, s.node(), plan, Run{
		Missing: func(context.Context) (int64, error) { return 1000 - s.freed, nil },
		Removed: func(Item, headroom.Amount) { cancel() },
	})
	if !errors.Is(err, context.Canceled) || len(s.removed) != 1 {
		t.Errorf("removed %v, %v", s.removed, err)
	}
	s.fails["Missing"] = errors.New("statfs hangs")
	if _, err := s.apply(gc(t, ""), plan); err == nil || !strings.Contains(err.Error(), "read what is missing: statfs hangs") || len(s.removed) != 1 {
		t.Errorf("removed %v, %v", s.removed, err)
	}
}

func TestKeep(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"registry.example/base/*", "registry.example/base/go/builder:1", true},
		{"registry.example/base/*", "registry.example/basement:1", false},
		{"registry.example/base", "registry.example/base:1", true},
		{"registry.example/base", "registry.example/base@sha256:12", true},
		{"registry.example:5000/base", "registry.example:5000/base", true},
		{"registry.example", "registry.example:5000/base", false},
		{"busybox", "docker.io/library/busybox:1.36", true},
		{"busybox:1.*", "docker.io/library/busybox:1.36", true},
		{"busybox:2.*", "docker.io/library/busybox:1.36", false},
		{"library/busybox", "docker.io/library/busybox:1.36", true},
		{"calico/*", "docker.io/calico/node:v3", true},
		{"*", "x:1", true},
		{"**", "x:1", true},
		{"*:1", "x:1", true},
		{"x*x", "x", false},
		{"x*y*z:1", "x-z-y-z:1", true},
		{"x*y*z:1", "x-z-y:1", false},
		{"[a-z]", "a", false},
		{"*sha256:12*", "r/x@sha256:1234", true},
	} {
		image := runtime.Image{ID: "i", Tags: []string{tc.name}}
		if got := keeps([]pattern{"other", pattern(tc.pattern)}, image) != ""; got != tc.want {
			t.Errorf("%s keeps %s: %t", tc.pattern, tc.name, got)
		}
	}
}

func TestKilledAtAnyStepOfRemovingImages(t *testing.T) {
	for _, step := range (ImageGC{}).Steps() {
		s := newShop(t)
		plan := s.plan(gc(t, ""), bytesNeed(1000))
		killedAtStep(t, step, func(run Run) {
			run.Missing = func(context.Context) (int64, error) { return 1000 - s.freed, nil }
			gc(t, "").Apply(t.Context(), s.node(), plan, run)
		})
		if _, err := s.apply(gc(t, ""), plan); err != nil { // the same plan again
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"r.example/b:1", "r.example/c:1", "r.example/d:1", "r.example/a:1"}, s.removed); diff != "" {
			t.Error(diff)
		}
	}
}

// The kubelet collects images at the same time.
func TestRemovingStopsWhenOthersMadeRoom(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(650))
	s.before["Image"] = func() { // right before it is looked at
		s.images = slices.DeleteFunc(s.images, func(i runtime.Image) bool { return i.ID == id("b:1") })
		s.needs = func(int64) int64 { return 0 }
	}
	s.needs = func(int64) int64 { return 350 }
	if notes, err := s.apply(gc(t, ""), plan); err != nil || len(s.removed) > 0 {
		t.Errorf("removed %v, %v, %v", s.removed, notes, err)
	}
}

// containerd forgets an image and then waits for its files to be removed.
func TestAnImageThatIsGoneThoughTheRuntimeNeverSaidSoIsOnRecord(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(650))
	s.fails["RemoveImage"], s.late = errors.New("no answer"), true
	notes, err := s.apply(gc(t, ""), plan)
	if err != nil || len(notes) > 0 || len(s.removed) != 2 || len(s.reports) != 2 || s.reports[0].Bytes != 400 {
		t.Errorf("removed %v, on record %v, %q, %v", s.removed, s.reports, notes, err)
	}
}

func TestARuntimeThatRefusesThriceIsAskedNoMore(t *testing.T) {
	s := newShop(t)
	plan := s.plan(gc(t, ""), bytesNeed(all))
	s.fails["RemoveImage"] = errors.New("no answer")
	if _, err := s.apply(gc(t, ""), plan); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Error(err)
	}
	asked := slices.DeleteFunc(s.calls, func(call string) bool { return call != "RemoveImage" })
	if len(asked) != maxFailed {
		t.Errorf("asked %d times", len(asked))
	}
}
