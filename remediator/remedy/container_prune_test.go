package remedy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

const webUID = "6f1f2d3c-0000-4000-8000-000000000001"

// ended is the container of web that was started that many restarts after the
// first; its ID is c and the number.
func (l logs) ended(attempt uint32) runtime.Container {
	c := l.running()
	c.ID, c.Attempt, c.Running, c.Dead = fmt.Sprint("c", attempt), attempt, false, true
	c.Created = time.Now().Add(time.Duration(attempt)*time.Minute - time.Hour)
	c.Finished = c.Created.Add(30 * time.Second)
	c.LogPath = l.path(fmt.Sprintf("%s%d.log", web, attempt))
	c.Labels = labelsOf(c)
	return c
}

func labelsOf(c runtime.Container) map[string]string {
	return map[string]string{
		"io.kubernetes.pod.namespace": c.Namespace, "io.kubernetes.pod.name": c.Pod,
		"io.kubernetes.pod.uid": c.PodUID, "io.kubernetes.container.name": c.Name,
	}
}

// crashed is a node on one disk whose container web was restarted three times
// and runs. Its dead ones have logs of 8, 16 and 24 KiB, two of them rotated.
func crashed(t *testing.T) (logs, *scriptedCRI) {
	t.Helper()
	l := newLogs(t)
	l.write(web+"0.log", 4)
	l.write(web+"0.log.20261123-000000.gz", 4)
	l.write(web+"1.log", 16)
	l.write(web+"2.log", 12)
	l.write(web+"2.log.20261124-000000", 12)
	l.write(web+"3.log", 64)
	runs := l.ended(3)
	runs.Running, runs.Dead, runs.Finished = true, false, time.Time{}
	cri := &scriptedCRI{containers: []runtime.Container{l.ended(0), l.ended(1), l.ended(2), runs}}
	l.node.Runtime = cri
	l.node.Disk = func(context.Context, headroom.Filesystem) (node.Disk, error) { return l.disk(), nil }
	return l, cri
}

// elsewhere says that containers write to another disk.
func (l *logs) elsewhere() {
	l.node.Disk = func(context.Context, headroom.Filesystem) (node.Disk, error) { return node.Disk{Major: 999}, nil }
}

func (l logs) planPrune(c ContainerPrune, need Need) Plan {
	l.t.Helper()
	plan, err := c.Plan(l.t.Context(), l.node, need)
	if err != nil {
		l.t.Fatal(err)
	}
	return plan
}

func (l logs) applyPrune(c ContainerPrune, plan Plan, run Run) (removed headroom.Amount, notes []string) {
	l.t.Helper()
	if run.Missing == nil {
		run.Missing = func(context.Context) (int64, error) {
			return plan.need.Amount - removed.In(plan.need.Signal.Unit()), nil
		}
	}
	run.Removed = func(_ Item, a headroom.Amount) { removed = removed.Add(a) }
	notes, err := c.Apply(l.t.Context(), l.node, plan, run)
	if err != nil {
		l.t.Fatal(err)
	}
	return removed, notes
}

// pruning configures a ContainerPrune.
func pruning(t *testing.T, set func(*pruneSettings)) ContainerPrune {
	t.Helper()
	c, err := ContainerPrune{}.Configure(func(into any) error {
		if set != nil {
			set(into.(*pruneSettings))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.(ContainerPrune)
}

func moved(t *testing.T, l *logs, from, to string) {
	t.Helper()
	l.write(to, 4)
	if err := os.Rename(l.path(from), l.path(to)); err != nil {
		t.Fatal(err)
	}
}

func ids(p Plan) string {
	var all []string
	for _, item := range p.Items {
		all = append(all, item.id)
	}
	return strings.Join(all, " ")
}

func TestDeadContainersGoWithTheirLogs(t *testing.T) {
	l, cri := crashed(t)
	l.elsewhere()
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	if got := ids(plan); got != "c1 c0" {
		t.Errorf("plans %q", got)
	}
	if want := (headroom.Amount{Bytes: 24 << 10, Inodes: 3}); plan.Frees != want {
		t.Errorf("frees %+v, want %+v", plan.Frees, want)
	}
	removed, _ := l.applyPrune(ContainerPrune{}, plan, Run{})
	if want := (headroom.Amount{Bytes: 24 << 10, Inodes: 3}); removed != want {
		t.Errorf("removed %+v, want %+v", removed, want)
	}
	if diff := cmp.Diff([]string{"container c1", "container c0"}, cri.removed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{web + "2.log", web + "2.log.20261124-000000", web + "3.log"}, l.names()); diff != "" {
		t.Error(diff)
	}
	if again := l.planPrune(ContainerPrune{}, l.bytes(all)); len(again.Items) > 0 {
		t.Errorf("and then %q", l.effects(again))
	}
}

func TestWhichDeadContainersGo(t *testing.T) {
	for sentence, tc := range map[string]struct {
		arrange func(t *testing.T, l *logs, cri *scriptedCRI)
		set     func(*pruneSettings)
		need    func(logs) Need // for everything's bytes if nil
		want    string
		note    []string
	}{
		"no more than needed, the largest first": {
			need: func(l logs) Need { return l.bytes(16 << 10) }, want: "c1",
		},
		"inodes, where they are in need": {
			need: func(l logs) Need { return l.inodes(2) }, want: "c0",
		},
		"what is known to be written counts": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) { cri.written = map[string]int64{"c0": 1 << 20, "c1": 0} },
			need:    func(l logs) Need { return l.bytes(1 << 20) },
			want:    "c0",
		},
		"what is not known comes after what is": {
			arrange: func(_ *testing.T, l *logs, cri *scriptedCRI) {
				l.node.LogRoots = nil
				cri.written = map[string]int64{"c1": 4096}
			},
			want: "c1 c0",
		},
		"nothing where neither logs nor layers are on the disk in need": {
			arrange: func(_ *testing.T, l *logs, _ *scriptedCRI) { l.elsewhere(); l.node.LogRoots = nil },
		},
		"nothing that has written nothing and has no log there": {
			arrange: func(_ *testing.T, l *logs, cri *scriptedCRI) {
				l.node.LogRoots = nil
				cri.written = map[string]int64{"c0": 0, "c1": 0}
			},
		},
		"none that has written more than may be": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				cri.written = map[string]int64{"c0": 2 << 30, "c1": 1 << 30}
			},
			want: "c1", note: []string{"maxWritable", "c0"},
		},
		"any size where there is no limit": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				cri.written = map[string]int64{"c0": 2 << 30, "c1": 1 << 30}
			},
			set: func(s *pruneSettings) { s.MaxWritable = 0 }, want: "c0 c1",
		},
		"none whose size cannot be asked": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) { cri.written = map[string]int64{"c0": -1} },
			want:    "c1", note: []string{"cannot tell how much it has written", "c0"},
		},
		"the newest dead one stays where the live one is gone, too": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) { cri.containers = cri.containers[:3] },
			want:    "c1 c0", note: []string{"newest dead", "c2"},
		},
		"the newest by its number stays if a clock was set back": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				cri.containers[2].Created = cri.containers[2].Created.Add(-time.Hour)
			},
			want: "c0", note: []string{"newest dead", "and 1 more"},
		},
		"each container of a pod keeps its own": {
			arrange: func(t *testing.T, l *logs, cri *scriptedCRI) {
				moved(t, l, web+"1.log", "shop_web-0_"+webUID+"/init/1.log")
				cri.containers[1].Name = "init"
				cri.containers[1].Labels = labelsOf(cri.containers[1])
			},
			want: "c0", note: []string{"newest dead", "and 1 more"},
		},
		"each pod keeps its own": {
			arrange: func(t *testing.T, l *logs, cri *scriptedCRI) {
				moved(t, l, web+"1.log", "shop_web-0_another/web/1.log")
				cri.containers[1].PodUID = "another"
				cri.containers[1].Labels = labelsOf(cri.containers[1])
			},
			want: "c0", note: []string{"newest dead", "and 1 more"},
		},
		"none that Kubernetes has not made": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				delete(cri.containers[0].Labels, "io.kubernetes.pod.uid")
			},
			want: "c1", note: []string{"not labelled", "c0"},
		},
		"none that was made and not started": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) { cri.containers[0].Dead = false },
			want:    "c1",
		},
		"none that ended a moment ago": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) { cri.containers[0].Finished = time.Now() },
			want:    "c1", note: []string{"ended less than 1m0s ago", "c0"},
		},
		"one that ended just now, where the policy says so": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) { cri.containers[0].Finished = time.Now() },
			set:     func(s *pruneSettings) { s.MinAge = 0 }, want: "c1 c0",
		},
		"none of which nobody knows when it ended": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) { cri.containers[0].Finished = time.Time{} },
			want:    "c1", note: []string{"cannot tell when it ended", "c0"},
		},
		"none whose image declares a volume": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				cri.volumes = func(id string) ([]string, bool, error) { return map[string][]string{"c0": {"/data"}}[id], true, nil }
			},
			want: "c1", note: []string{"declares a volume, which would go with it: /data", "c0"},
		},
		"none of which nobody knows whether it does": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				cri.volumes = func(id string) ([]string, bool, error) { return nil, id != "c0", nil }
			},
			want: "c1", note: []string{"cannot tell whether its image declares a volume", "c0"},
		},
		"none of which that cannot be asked": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				cri.volumes = func(id string) ([]string, bool, error) {
					return nil, true, map[string]error{"c0": errors.New("hung up")}[id]
				}
			},
			want: "c1", note: []string{"cannot tell whether its image declares a volume: hung up", "c0"},
		},
		"none of an excluded namespace": {
			set: func(s *pruneSettings) { s.ExcludeNamespaces = []string{"shop"} }, note: []string{"excludeNamespaces"},
		},
		"none of a pod whose sandbox has opted out": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				cri.sandboxes = []runtime.Sandbox{{PodUID: webUID, Ready: true, Annotations: map[string]string{optOutKey: "true"}}}
			},
			note: []string{"opted out"},
		},
		"none of an API server, whose output may be its audit log": {
			arrange: func(_ *testing.T, _ *logs, cri *scriptedCRI) {
				for i := range cri.containers {
					cri.containers[i].Name = apiServer
					cri.containers[i].Labels = labelsOf(cri.containers[i])
				}
			},
			note: []string{mayBeAudit},
		},
		"none whose log somebody has yet to read": {
			arrange: func(t *testing.T, l *logs, _ *scriptedCRI) { start(t, "hold", l.path(web+"1.log")) },
			want:    "c0", note: []string{"its log is needed", "reader behind", "c1"},
		},
		"none whose log is still written": {
			arrange: func(t *testing.T, l *logs, _ *scriptedCRI) { start(t, "append", l.path(web+"1.log")) },
			want:    "c0", note: []string{"its log is needed", "open for writing", "c1"},
		},
		"one whose log somebody has read to its end": {
			arrange: func(t *testing.T, l *logs, _ *scriptedCRI) { start(t, "follow", l.path(web+"1.log")) },
			want:    "c1 c0",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, cri := crashed(t)
			if tc.arrange != nil {
				tc.arrange(t, &l, cri)
			}
			need := l.bytes(all)
			if tc.need != nil {
				need = tc.need(l)
			}
			before := l.manifest()
			plan := l.planPrune(pruning(t, tc.set), need)
			if got := ids(plan); got != tc.want {
				t.Errorf("plans %q, want %q; %q", got, tc.want, plan.Notes)
			}
			if tc.note != nil {
				noted(t, plan.Notes, tc.note...)
			}
			if diff := cmp.Diff(before, l.manifest()); diff != "" || len(cri.removed) > 0 {
				t.Error(diff, cri.removed)
			}
		})
	}
}

func TestAContainerIsLookedAtAgainBeforeItGoes(t *testing.T) {
	for sentence, tc := range map[string]struct {
		change func(t *testing.T, l *logs, cri *scriptedCRI)
		note   string // "" is none
	}{
		"it runs": {func(_ *testing.T, _ *logs, cri *scriptedCRI) {
			cri.containers[0].Dead, cri.containers[0].Running = false, true
		}, hasChanged},
		"its own status says that it runs": {func(_ *testing.T, _ *logs, cri *scriptedCRI) {
			cri.look = func(c runtime.Container) (runtime.Container, bool) {
				c.Dead, c.Running = false, true
				return c, true
			}
		}, hasChanged},
		"it is gone": {func(_ *testing.T, _ *logs, cri *scriptedCRI) { cri.containers = cri.containers[1:] }, ""},
		"it is gone since it was listed": {func(_ *testing.T, _ *logs, cri *scriptedCRI) {
			cri.look = func(c runtime.Container) (runtime.Container, bool) { return c, false }
		}, ""},
		"it is the newest dead one now": {func(_ *testing.T, _ *logs, cri *scriptedCRI) {
			cri.containers = append(cri.containers[:1:1], cri.containers[3])
		}, "newest dead"},
		"its pod has opted out": {func(_ *testing.T, l *logs, _ *scriptedCRI) {
			l.node.Pods = scriptedPods{pods: []node.Pod{{UID: webUID, Annotations: map[string]string{optOutKey: "true"}}}}
		}, "opted out"},
		"it has written more than may be": {func(_ *testing.T, _ *logs, cri *scriptedCRI) {
			cri.written = map[string]int64{"c0": 2 << 30}
		}, "maxWritable"},
		"its image declares a volume": {func(_ *testing.T, _ *logs, cri *scriptedCRI) {
			cri.volumes = func(string) ([]string, bool, error) { return []string{"/data"}, true, nil }
		}, "declares a volume"},
		"somebody reads its log": {func(t *testing.T, l *logs, _ *scriptedCRI) {
			start(t, "hold", l.path(web+"0.log"))
		}, "reader behind"},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, cri := crashed(t)
			l.elsewhere()
			plan := l.planPrune(ContainerPrune{}, l.inodes(2))
			if got := ids(plan); got != "c0" {
				t.Fatalf("plans %q", got)
			}
			tc.change(t, &l, cri)
			before := l.manifest()
			removed, notes := l.applyPrune(ContainerPrune{}, plan, Run{})
			if removed != (headroom.Amount{}) || len(cri.removed) > 0 {
				t.Errorf("removed %+v, %q", removed, cri.removed)
			}
			if diff := cmp.Diff(before, l.manifest()); diff != "" {
				t.Error(diff)
			}
			if tc.note != "" {
				noted(t, notes, tc.note)
			} else if len(notes) > 0 {
				t.Errorf("notes are %q", notes)
			}
		})
	}
}

func TestALogThatTwoContainersHadStays(t *testing.T) {
	l, cri := crashed(t)
	l.elsewhere()
	twin := cri.containers[0]
	twin.ID, twin.Created = "twin", twin.Created.Add(time.Second)
	cri.containers = append(cri.containers, twin)
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	if got := ids(plan); got != "c1" {
		t.Errorf("plans %q", got)
	}
	l.node.Disk = nil
	plan = l.planPrune(ContainerPrune{}, Need{headroom.ContainerFSAvailable, l.disk(), all})
	l.applyPrune(ContainerPrune{}, plan, Run{})
	for _, name := range []string{"0.log", "0.log.20261123-000000.gz"} {
		size(t, l.path(web+name)) // fails if it is gone
	}
}

func TestPruningStopsWhenThereIsEnough(t *testing.T) {
	l, cri := crashed(t)
	plan := l.planPrune(ContainerPrune{}, l.bytes(all)) // what they have written is not known
	asked := 0
	l.applyPrune(ContainerPrune{}, plan, Run{Missing: func(context.Context) (int64, error) {
		asked++
		return int64(2 - asked), nil
	}})
	if len(cri.removed) != 1 || asked != 2 {
		t.Errorf("removed %q and asked %d times", cri.removed, asked)
	}
}

func TestPruningStopsWhenThereAreInodesEnough(t *testing.T) {
	l, cri := crashed(t)
	l.elsewhere() // the logs count: two files, and one
	plan := l.planPrune(ContainerPrune{}, l.inodes(all))
	if got := ids(plan); got != "c0 c1" {
		t.Fatalf("plans %q", got)
	}
	plan.need.Amount = 2
	removed, notes := l.applyPrune(ContainerPrune{}, plan, Run{})
	if len(cri.removed) != 1 || removed.Inodes != 2 {
		t.Errorf("removed %q, %+v; %q", cri.removed, removed, notes)
	}
}

func TestPruningWaitsForWhatTheRuntimeGivesBackLater(t *testing.T) {
	const little = 8 << 10 // of somebody else's
	type moment struct {
		after time.Duration
		left  int64
	}
	for sentence, moments := range map[string][]moment{
		"all at once":                       {{settleTime / 4, 0}},
		"after a little of somebody else's": {{0, 1<<20 - little}, {settleTime * 3 / 2, 0}},
		"bit by bit":                        {{settleTime / 4, 1 << 19}, {settleTime/4 + settleStep, 1 << 18}, {settleTime/4 + 2*settleStep, 0}},
	} {
		t.Run(sentence, func(t *testing.T) {
			for unit, need := range map[headroom.Unit]func(logs) Need{
				headroom.Bytes:  func(l logs) Need { return l.bytes(all) },
				headroom.Inodes: func(l logs) Need { return l.inodes(all) },
			} {
				l, cri := crashed(t)
				plan := l.planPrune(ContainerPrune{}, need(l))
				if len(plan.Items) != 2 {
					t.Fatalf("plans %+v", plan.Items)
				}
				var removed time.Time
				cri.meanwhile = func() { removed = time.Now() }
				l.applyPrune(ContainerPrune{}, plan, Run{Missing: func(context.Context) (int64, error) {
					left := int64(1 << 20)
					for _, m := range moments {
						if !removed.IsZero() && time.Since(removed) > m.after {
							left = m.left
						}
					}
					return left, nil
				}})
				if len(cri.removed) != 1 {
					t.Errorf("%s: removed %q", unit, cri.removed)
				}
			}
		})
	}
}

// A log that goes with its container shows at once, and what that has written does
// not.
func TestALogIsNotTakenForWhatItsContainerHasWritten(t *testing.T) {
	l, cri := crashed(t)
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	var removed time.Time
	cri.meanwhile = func() { removed = time.Now() }
	var logs int64
	notes, err := ContainerPrune{}.Apply(t.Context(), l.node, plan, Run{
		Removed: func(_ Item, a headroom.Amount) { logs += a.Bytes },
		Missing: func(context.Context) (int64, error) {
			if !removed.IsZero() && time.Since(removed) > settleTime/4 {
				return 0, nil
			}
			return 1<<16 - logs, nil
		},
	})
	if len(cri.removed) != 1 || logs < 4096 || err != nil {
		t.Errorf("removed %q, and %d bytes of logs: %v; %q", cri.removed, logs, err, notes)
	}
}

func TestPruningDoesNotWaitForeverForWhatDoesNotComeBack(t *testing.T) {
	asked := 0
	missing := func(context.Context) (int64, error) { asked++; return 1 << 20, nil }
	a := pruneApply{logApply: logApply{meter: meter{run: Run{Missing: missing}, unit: headroom.Bytes}}, vain: maxVain - 1}
	for _, want := range []int{1 + int(layerTime/settleStep), 0} {
		asked = 0
		if enough, err := a.settle(t.Context(), 1<<20); enough || err != nil || asked != want {
			t.Errorf("asked %d times, want %d; enough is %t, %v", asked, want, enough, err)
		}
	}
}

func TestARuntimeThatRefusesIsNotAskedForever(t *testing.T) {
	l, cri := crashed(t)
	for i := range uint32(5) {
		c := l.ended(i)
		c.ID, c.Created = fmt.Sprint("more", i), c.Created.Add(-time.Hour)
		cri.containers = append(cri.containers, c)
	}
	cri.failing = errors.New("busy")
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	before := l.manifest()
	notes, err := ContainerPrune{}.Apply(t.Context(), l.node, plan, Run{
		Missing: func(context.Context) (int64, error) { return all, nil },
		Removed: func(Item, headroom.Amount) { t.Error("removed something") },
	})
	if err == nil || !strings.Contains(err.Error(), "remove: busy") {
		t.Errorf("error is %v", err)
	}
	noted(t, notes, "remove: busy", "and 1 more")
	if diff := cmp.Diff(before, l.manifest()); diff != "" {
		t.Error(diff)
	}
}

func TestAContainerThatIsGoneThoughTheRuntimeNeverSaidSoIsOnRecord(t *testing.T) {
	l, cri := crashed(t)
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	cri.late = errors.New("no answer")
	var removed headroom.Amount
	notes, err := ContainerPrune{}.Apply(t.Context(), l.node, plan, Run{
		Missing: func(context.Context) (int64, error) { return all, nil },
		Removed: func(_ Item, a headroom.Amount) { removed = removed.Add(a) },
	})
	if err != nil || len(cri.removed) == 0 || removed.Bytes != plan.Frees.Bytes {
		t.Errorf("removed %q, on record %+v of %+v, %q, %v", cri.removed, removed, plan.Frees, notes, err)
	}
}

func TestWhoBeginsToReadWhileAContainerGoesReadsOn(t *testing.T) {
	l, cri := crashed(t)
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	open := func() *os.File {
		f, err := os.Open(plan.Items[0].file.path())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	shipper := open() // which has read everything, and begins anew
	if _, err := shipper.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	var reader *os.File
	cri.meanwhile = func() {
		if reader == nil {
			reader = open() // before the other is closed: it must not get its number
			shipper.Close()
		}
	}
	l.applyPrune(ContainerPrune{}, plan, Run{Missing: func(context.Context) (int64, error) { return all, nil }})
	defer reader.Close()
	if st, err := reader.Stat(); err != nil || st.Size() == 0 {
		t.Errorf("what it reads has been emptied: %v", err)
	}
}

func TestKilledAtAnyStepOfPruning(t *testing.T) {
	type killed struct{}
	for _, step := range (ContainerPrune{}).Steps() {
		t.Run(step, func(t *testing.T) {
			l, cri := crashed(t)
			cri.sandboxes = []runtime.Sandbox{forgottenSandbox()}
			l.node.Pods = scriptedPods{pods: []node.Pod{{UID: webUID}}}
			plan := l.planPrune(ContainerPrune{}, l.bytes(all))
			func() {
				defer func() {
					if r := recover(); r != (killed{}) {
						t.Fatalf("the step was not reached: %v", r)
					}
				}()
				l.applyPrune(ContainerPrune{}, plan, Run{Step: func(name string) {
					if name == step {
						panic(killed{}) // nothing after it happens
					}
				}})
			}()
			l.applyPrune(ContainerPrune{}, l.planPrune(ContainerPrune{}, l.bytes(all)), Run{})
			if diff := cmp.Diff([]string{web + "2.log", web + "2.log.20261124-000000", web + "3.log"}, l.names()); diff != "" {
				t.Error(diff)
			}
			if len(cri.removed) != 3 || len(cri.containers) != 2 || len(cri.sandboxes) != 0 {
				t.Errorf("removed %q", cri.removed)
			}
		})
	}
}

func TestLogsWithoutAContainer(t *testing.T) {
	l, cri := crashed(t)
	l.elsewhere()
	cri.containers = cri.containers[3:]                                       // 3 runs
	l.write("shop_web-0_6f1f2d3c-0000-4000-8000-000000000001/other/0.log", 4) // of no container that is known
	l.write("gone_job-1_6f1f2d3c-0000-4000-8000-000000000009/main/0.log", 4)  // of no pod
	l.write(web+"4.log", 4)                                                   // of one that is just made
	l.write(dockerID+"/"+dockerID+"-json.log", 4)
	start(t, "hold", l.path(web+"1.log"))
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	want := []string{
		"remove " + web + "2.log",
		"remove " + web + "2.log.20261124-000000",
		"remove " + web + "0.log",
		"remove " + web + "0.log.20261123-000000.gz",
	}
	if diff := cmp.Diff(want, l.effects(plan)); diff != "" {
		t.Error(diff)
	}
	noted(t, plan.Notes, "reader behind", "1.log")
	start(t, "hold", l.path(web+"0.log"))
	removed, notes := l.applyPrune(ContainerPrune{}, plan, Run{})
	if want := (headroom.Amount{Bytes: 28 << 10, Inodes: 3}); removed != want {
		t.Errorf("removed %+v, want %+v", removed, want)
	}
	noted(t, notes, "reader behind", "0.log")
}

// What a container with a folder of the host's can write there takes no memory.
func TestLogsThatAreReadForPruningAreBounded(t *testing.T) {
	l, cri := crashed(t)
	for i := range maxLogs {
		l.write(fmt.Sprintf("%s%d.log", web, 100+i), 4)
		l.write(fmt.Sprintf("shop_web-0_%d/web/0.log", i), 0)
	}
	p := pruner{node: l.node}
	found, err := p.findLogs(t.Context(), historyOf(cri.containers))
	if err != nil || len(found) > maxLogs {
		t.Errorf("%d logs are found, %v", len(found), err)
	}
	for key, logs := range found {
		if logs.needed == "" {
			t.Errorf("%s could go, though not all that lies there was seen", key)
		}
	}
}

// forgottenSandbox is one that can go.
func forgottenSandbox() runtime.Sandbox {
	return runtime.Sandbox{
		ID: "s9", Namespace: "shop", Pod: "old-0", PodUID: "old", Created: time.Now().Add(-time.Hour),
		Labels: map[string]string{"io.kubernetes.pod.uid": "old"},
	}
}

func TestWhichSandboxesGo(t *testing.T) {
	for sentence, tc := range map[string]struct {
		change func(s *runtime.Sandbox, l *logs, cri *scriptedCRI)
		set    func(*pruneSettings)
		goes   bool
		note   string
	}{
		"one of a pod that the kubelet no longer knows": {goes: true},
		"none that is ready, and then the list is not whole": {
			change: func(s *runtime.Sandbox, _ *logs, _ *scriptedCRI) { s.Ready = true }, note: "its pod is not among them",
		},
		"none that holds a container": {change: func(s *runtime.Sandbox, _ *logs, cri *scriptedCRI) { cri.containers[0].Sandbox = s.ID }},
		"none of a pod that is known": {change: func(s *runtime.Sandbox, _ *logs, _ *scriptedCRI) { s.PodUID = webUID }},
		"none of a static pod, whose UID differs": {change: func(s *runtime.Sandbox, _ *logs, _ *scriptedCRI) {
			s.Pod, s.Labels = "web-0", map[string]string{"io.kubernetes.pod.uid": "old"}
		}},
		"none that Kubernetes has not made": {change: func(s *runtime.Sandbox, _ *logs, _ *scriptedCRI) { s.Labels = nil }},
		"none that was just made":           {change: func(s *runtime.Sandbox, _ *logs, _ *scriptedCRI) { s.Created = time.Now() }},
		"none of an excluded namespace":     {set: func(s *pruneSettings) { s.ExcludeNamespaces = []string{"shop"} }},
		"none that has opted out": {change: func(s *runtime.Sandbox, _ *logs, _ *scriptedCRI) {
			s.Annotations = map[string]string{optOutKey: "true"}
		}},
		"none where nobody knows the pods": {
			change: func(_ *runtime.Sandbox, l *logs, _ *scriptedCRI) { l.node.Pods = nil }, note: "cannot tell which pods",
		},
		"none where the kubelet does not answer": {
			change: func(_ *runtime.Sandbox, l *logs, _ *scriptedCRI) {
				l.node.Pods = scriptedPods{err: errors.New("no answer")}
			},
			note: "cannot tell which pods",
		},
		"none on a disk that is not in need": {change: func(_ *runtime.Sandbox, l *logs, _ *scriptedCRI) { l.elsewhere() }},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, cri := crashed(t)
			l.node.LogRoots = nil
			l.node.Pods = scriptedPods{pods: []node.Pod{{Namespace: "shop", Name: "web-0", UID: webUID}}}
			s := forgottenSandbox()
			sane := s
			if tc.change != nil {
				tc.change(&s, &l, cri)
			}
			cri.sandboxes = []runtime.Sandbox{s}
			plan := l.planPrune(pruning(t, tc.set), l.bytes(all))
			if goes := strings.Contains(ids(plan), "s9"); goes != tc.goes {
				t.Errorf("plans %q; %q", ids(plan), plan.Notes)
			}
			if tc.note != "" {
				noted(t, plan.Notes, tc.note)
			}
			// And it is looked at again.
			cri.sandboxes = []runtime.Sandbox{sane}
			was := l.node
			l.node.Pods = scriptedPods{pods: []node.Pod{{Namespace: "shop", Name: "web-0", UID: webUID}}}
			l.node.Disk = func(context.Context, headroom.Filesystem) (node.Disk, error) { return l.disk(), nil }
			plan = l.planPrune(ContainerPrune{}, l.bytes(all))
			l.node = was
			cri.sandboxes = []runtime.Sandbox{s}
			l.applyPrune(pruning(t, tc.set), plan, Run{})
			onNeed := sentence != "none on a disk that is not in need"
			if goes := strings.Contains(strings.Join(cri.removed, " "), "sandbox s9"); goes != tc.goes && onNeed {
				t.Errorf("removed %q", cri.removed)
			}
		})
	}
}

func TestPruningWithoutARuntimeDoesNothingAndSaysSo(t *testing.T) {
	l, _ := crashed(t)
	before := l.manifest()
	plan := l.planPrune(ContainerPrune{}, l.bytes(all))
	l.node.Runtime = nil
	removed, notes := l.applyPrune(ContainerPrune{}, plan, Run{})
	noted(t, notes, "--runtime.endpoint")
	if diff := cmp.Diff(before, l.manifest()); diff != "" || removed != (headroom.Amount{}) {
		t.Error(diff, removed)
	}
	plan = l.planPrune(ContainerPrune{}, l.bytes(all))
	noted(t, plan.Notes, "--runtime.endpoint")
	if len(plan.Items) > 0 {
		t.Errorf("plans %v", plan.Items)
	}
	l, cri := crashed(t)
	cri.listErr = errors.New("no answer")
	if _, err := (ContainerPrune{}).Plan(t.Context(), l.node, l.bytes(all)); err == nil || err.Error() != "list containers: no answer" {
		t.Errorf("error is %v", err)
	}
	plan = l.planPrune(ContainerPrune{}, Need{Signal: headroom.MemoryAvailable, Amount: all})
	noted(t, plan.Notes, "memory.available does not count")
}
