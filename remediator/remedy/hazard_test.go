package remedy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// The ways in which logs and dead containers have been lost elsewhere, each by
// the name it is known by. What is kept here is compared byte for byte.

// A writer that does not append goes on at its old offset after a truncation:
// the log begins with NULs.
func TestHazardLogReclaimWriterWithoutOAppend(t *testing.T) {
	l, path := live(t)
	plain := start(t, "plain", path)
	plain.act()
	before := l.manifest()
	plan := l.plan(LogReclaim{}, l.bytes(all))
	noted(t, plan.Notes, "without O_APPEND", "0.log")
	if _, notes := l.apply(LogReclaim{}, plan, nil); len(plan.Items) > 0 || len(notes) > 0 {
		t.Errorf("plans %q: %q", l.effects(plan), notes)
	}
	if diff := cmp.Diff(before, l.manifest()); diff != "" {
		t.Error(diff)
	}
	// conmon is such a writer once it has reopened its log: it is reopened again,
	// and never truncated.
	l, path = live(t)
	_, conmon := l.withRuntime("conmon", path)
	for range 2 {
		enlarge(t, path, 2<<20)
		plan := l.plan(LogReclaim{}, l.bytes(all))
		if diff := cmp.Diff([]string{"rotate " + web + "0.log"}, l.effects(plan)); diff != "" {
			t.Error(diff)
		}
		l.apply(LogReclaim{}, plan, nil)
		conmon.act()
		if data, err := os.ReadFile(path); err != nil || string(data) != aLine {
			t.Errorf("the log begins with %d bytes: %v", len(data), err)
		}
	}
	enlarge(t, path, 2<<20)
	l.node.Runtime = nil
	plan = l.plan(LogReclaim{}, l.bytes(all))
	noted(t, plan.Notes, "without O_APPEND", "0.log")
	if len(plan.Items) > 0 {
		t.Errorf("plans %q", l.effects(plan))
	}
}

// enlarge makes a file take that many bytes, beyond where it is written.
func enlarge(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		t.Fatal(err)
	}
}

// A container can put anything where its logs are expected.
func TestHazardLogReclaimPathSwapSymlinkHardLinkOtherMount(t *testing.T) {
	outside := newLogs(t)
	shadow := outside.write("shadow", 2048)
	before := outside.manifest()
	for sentence, put := range map[string]func(t *testing.T, l logs, path string){
		"a symlink to another file": func(t *testing.T, l logs, path string) {
			if err := errors.Join(os.Remove(path), os.Symlink(shadow, path)); err != nil {
				t.Fatal(err)
			}
		},
		"a hard link to another file": func(t *testing.T, l logs, path string) {
			other := outside.write("linked", 2048)
			t.Cleanup(func() { os.Remove(other) })
			if err := errors.Join(os.Remove(path), os.Link(other, path)); err != nil {
				t.Fatal(err)
			}
		},
		"a bind mount of another file": func(t *testing.T, l logs, path string) { mount(t, shadow, path, "", unix.MS_BIND, "") },
		"a symlink for the folder": func(t *testing.T, l logs, path string) {
			folder := filepath.Dir(path)
			if err := errors.Join(os.Rename(folder, folder+"-moved"), os.Symlink(outside.root, folder)); err != nil {
				t.Fatal(err)
			}
		},
		"a bind mount over the folder": func(t *testing.T, l logs, path string) {
			mount(t, outside.root, filepath.Dir(path), "", unix.MS_BIND, "")
		},
	} {
		for _, when := range []string{"before the plan", "between plan and act"} {
			t.Run(sentence+" "+when, func(t *testing.T) {
				l, path := live(t)
				cri, _ := l.withRuntime("runtime", path)
				cri.reopen = func(string) error { t.Error("reopened"); return nil }
				dead := l.ended(1)
				later := l.ended(2)
				cri.containers = append(cri.containers, dead, later)
				var rotate, prune Plan
				if when == "before the plan" {
					put(t, l, path)
				}
				rotate = l.plan(LogReclaim{}, l.bytes(all))
				prune = l.planPrune(ContainerPrune{}, l.bytes(all))
				if when != "before the plan" {
					put(t, l, path)
				}
				l.apply(LogReclaim{}, rotate, nil)
				l.applyPrune(ContainerPrune{}, prune, Run{})
				l.finish()
				for name, was := range before {
					if is := outside.manifest()[name]; name == "/shadow" && is != was {
						t.Errorf("%s was %s and is %s", name, was, is)
					}
				}
			})
		}
	}
}

// Between the two the container's log has no name that anybody looks for.
func TestHazardLogReclaimRenameDoneReopenFailsOrCrashBetween(t *testing.T) {
	t.Run("reopen fails", func(t *testing.T) {
		l, path := live(t)
		cri, writer := l.withRuntime("runtime", path)
		cri.reopen = func(string) error { return errors.New("container is not running") }
		was := inode(t, path)
		_, notes := l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.bytes(all)), nil)
		noted(t, notes, "container is not running")
		writer.act()
		if inode(t, path) != was || content(t, path) != aLine {
			t.Errorf("there are %q", l.names())
		}
	})
	t.Run("killed between", func(t *testing.T) {
		l, _, writer := killedAt(t, logRenamed)
		l.finish()
		writer.act()
		if got := content(t, l.path(web+"0.log")); got != aLine {
			t.Errorf("the live log has %q", got)
		}
		if got := strings.Count(content(t, l.rotatedUncompressed()), aLine); got != 2 {
			t.Errorf("the renamed one has %d lines", got)
		}
	})
}

// What must be kept by law looks like any other log.
func TestHazardLogReclaimAuditComplianceLogs(t *testing.T) {
	l := newLogs(t)
	pods := map[string]string{
		"an API server's": "kube-system_kube-apiserver-cp1_0123456789abcdef0123456789abcdef/kube-apiserver/",
		"an excluded":     "bank_ledger-0_6f1f2d3c-0000-4000-8000-000000000003/main/",
		"an opted-out":    "shop_audit-0_6f1f2d3c-0000-4000-8000-000000000004/main/",
	}
	cri := &scriptedCRI{reopen: func(string) error { t.Error("reopened"); return nil }}
	cri.sandboxes = []runtime.Sandbox{{
		ID: "s", Namespace: "shop", Pod: "audit-0", PodUID: "6f1f2d3c-0000-4000-8000-000000000004", Ready: true,
		Annotations: map[string]string{optOutKey: "true"},
	}}
	l.node.Runtime = cri
	for _, folder := range pods {
		l.write(folder+monday, 4)
		l.write(folder+wednesday, 4)
		l.write(folder+"0.log", 2048)
		l.write(folder+"1.log", 2048)
		start(t, "append", l.write(folder+"2.log", 2048))
		pod, _ := podFolder(filepath.Dir(filepath.Dir(folder + "x")))
		for i := range uint32(3) {
			c := runtime.Container{
				ID: fmt.Sprint(pod.name, i), Namespace: pod.namespace, Pod: pod.name, PodUID: pod.uid, Name: filepath.Base(folder),
				Attempt: i, Dead: i < 2, Running: i == 2, LogPath: l.path(fmt.Sprintf("%s%d.log", folder, i)),
			}
			c.Labels, c.Finished = labelsOf(c), l.ended(i).Finished
			cri.containers = append(cri.containers, c)
		}
	}
	before := l.manifest()
	reclaim := with(t, func(s *logSettings) { s.ExcludeNamespaces = []string{"bank"} })
	prune := pruning(t, func(s *pruneSettings) { s.ExcludeNamespaces = []string{"bank"} })
	planned := l.plan(reclaim, l.bytes(all))
	pruned := l.planPrune(prune, l.bytes(all))
	if len(planned.Items)+len(pruned.Items) > 0 {
		t.Errorf("plans %q and %q", l.effects(planned), l.effects(pruned))
	}
	l.apply(reclaim, planned, nil)
	l.applyPrune(prune, pruned, Run{})
	if diff := cmp.Diff(before, l.manifest()); diff != "" || len(cri.removed) > 0 {
		t.Error(diff, cri.removed)
	}
	for _, notes := range [][]string{planned.Notes, pruned.Notes} {
		noted(t, notes, mayBeAudit)
		noted(t, notes, "excludeNamespaces names bank")
		noted(t, notes, "opted out")
	}
}

// The last state of a container that crashes over and over is all that tells
// why.
func TestHazardExitedContainersLastStateOfACrashLoopPod(t *testing.T) {
	l, cri := crashed(t)
	cri.containers = cri.containers[:3] // in back-off: none runs
	before := l.manifest()
	for range 3 {
		plan := l.planPrune(pruning(t, func(s *pruneSettings) { s.MinAge = 0 }), l.bytes(all))
		l.applyPrune(pruning(t, func(s *pruneSettings) { s.MinAge = 0 }), plan, Run{})
	}
	if len(cri.containers) != 1 || cri.containers[0].ID != "c2" {
		t.Errorf("removed %q", cri.removed)
	}
	for _, name := range []string{"2.log", "2.log.20261124-000000"} {
		if diff := cmp.Diff(before["/"+web+name], l.manifest()["/"+web+name]); diff != "" {
			t.Error(diff)
		}
	}
}

// Somebody else's container, and data that was written where no volume is.
func TestHazardExitedContainersNonCRIDataInTheWritableLayer(t *testing.T) {
	l, cri := crashed(t)
	foreign := l.ended(0)
	foreign.ID, foreign.Labels = "foreign", map[string]string{"com.docker.compose.project": "x"}
	half := l.ended(0) // labels of Kubernetes that are somebody's copy
	half.ID, half.Labels["io.kubernetes.pod.uid"] = "half", "another"
	cri.containers = append(cri.containers, foreign, half)
	cri.written = map[string]int64{"c0": 1<<30 + 1, "c1": 1 << 30}
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	if got := ids(plan); got != "c1" {
		t.Errorf("plans %q", got)
	}
	noted(t, plan.Notes, "not labelled", "and 1 more")
	noted(t, plan.Notes, "maxWritable", "c0")
}

// Planning writes nothing, whatever it finds.
func TestHazardDryRunOfReclaimingAndPruning(t *testing.T) {
	l, cri := crashed(t)
	path := l.write(web+"3.log", 2048)
	writer := start(t, "append", path)
	writer.act()
	for i := range cri.containers {
		cri.containers[i].LogPath = l.path(fmt.Sprintf("%s%d.log", web, i))
	}
	cri.reopen = func(string) error { t.Error("reopened"); return nil }
	cri.failing = errors.New("a plan must not remove")
	mount(t, l.root, l.root, "", unix.MS_BIND, "")
	if err := unix.Mount("", l.root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	before := l.manifest()
	reclaim, prune := l.plan(LogReclaim{}, l.bytes(all)), l.planPrune(ContainerPrune{}, l.bytes(all))
	if diff := cmp.Diff([]string{"rotate " + web + "3.log"}, l.effects(reclaim)); diff != "" {
		t.Error(diff)
	}
	if ids(prune) != "c1 c0" {
		t.Errorf("plans %q", ids(prune))
	}
	if diff := cmp.Diff(before, l.manifest()); diff != "" || len(cri.removed) > 0 {
		t.Error(diff, cri.removed)
	}
	// And on a tree that cannot be written an act removes nothing and says so.
	notes, err := LogReclaim{}.Apply(t.Context(), l.node, reclaim, Run{
		Missing: func(context.Context) (int64, error) { return all, nil },
		Removed: func(Item, headroom.Amount) { t.Error("removed something") },
	})
	noted(t, notes, "read-only", "3.log")
	if diff := cmp.Diff(before, l.manifest()); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
