package remedy

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

const aLine = "a line of a log\n"

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestALiveLogIsRenamedReopenedAndRemoved(t *testing.T) {
	for _, role := range []string{"runtime", "conmon"} {
		t.Run(role, func(t *testing.T) {
			l, path := live(t)
			_, writer := l.withRuntime(role, path)
			was := inode(t, path)
			plan := l.plan(LogReclaim{}, l.bytes(all))
			if diff := cmp.Diff([]string{"rotate " + web + "0.log"}, l.effects(plan)); diff != "" {
				t.Error(diff)
			}
			if want := (headroom.Amount{Bytes: 2 << 20}); plan.Frees != want {
				t.Errorf("frees %+v, want %+v", plan.Frees, want)
			}
			removed, notes := l.apply(LogReclaim{}, plan, nil)
			if want := (headroom.Amount{Bytes: 2 << 20}); removed != want || len(notes) > 0 {
				t.Errorf("removed %+v, want %+v; %q", removed, want, notes)
			}
			writer.act()
			if got := content(t, path); got != aLine || inode(t, path) == was {
				t.Errorf("the writer goes on with %q in inode %d, which was %d", got, inode(t, path), was)
			}
			if left := l.rotatedNames(); len(left) > 0 {
				t.Errorf("left are %q", left)
			}
		})
	}
}

func TestALogIsRenamedBeforeAnotherIsTruncated(t *testing.T) {
	l, path := live(t)
	l.withRuntime("runtime", path)
	start(t, "append", l.write(web+"1.log", 4096)) // the runtime knows no such container
	l.write(web+monday, 4)
	l.write(web+wednesday, 4)
	for _, tc := range []struct {
		need Need
		want []string
	}{
		{l.bytes(4 << 10), []string{"remove " + web + monday}},
		{l.bytes(5 << 10), []string{"remove " + web + monday, "rotate " + web + "0.log"}},
		{l.bytes(all), []string{"remove " + web + monday, "rotate " + web + "0.log", "truncate " + web + "1.log"}},
		{l.inodes(all), []string{"remove " + web + monday}}, // the new log takes the old one's
	} {
		if diff := cmp.Diff(tc.want, l.effects(l.plan(LogReclaim{}, tc.need))); diff != "" {
			t.Error(diff)
		}
	}
	removed, notes := l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.bytes(all)), nil)
	if want := (headroom.Amount{Bytes: 6<<20 + 4<<10, Inodes: 1}); removed != want {
		t.Errorf("removed %+v, want %+v; %q", removed, want, notes)
	}
}

func TestWhatIsDoneToALiveLogInstead(t *testing.T) {
	const truncated = "truncate " + web + "0.log"
	for sentence, tc := range map[string]struct {
		arrange func(t *testing.T, l *logs, path string, cri *scriptedCRI)
		set     func(*logSettings)
		want    string // "" is nothing
		note    []string
	}{
		"it is truncated where there is no runtime": {
			arrange: func(_ *testing.T, l *logs, _ string, _ *scriptedCRI) { l.node.Runtime = nil },
			want:    truncated,
		},
		"it is truncated where renaming is switched off": {
			set:  func(s *logSettings) { s.Reopen = false },
			want: truncated,
		},
		"it is truncated where the runtime does not answer": {
			arrange: func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) { cri.listErr = errors.New("no answer") },
			want:    truncated,
			note:    []string{"no log can be renamed", "list containers: no answer"},
		},
		"it is truncated where no container is known to log there": {
			arrange: func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) { cri.containers = nil },
			want:    truncated,
		},
		"it is truncated where its container is dead": {
			arrange: func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) {
				cri.containers[0].Running, cri.containers[0].Dead = false, true
			},
			want: truncated,
		},
		"it is truncated where two containers claim it": {
			arrange: func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) {
				other := cri.containers[0]
				other.ID = "c1"
				cri.containers = append(cri.containers, other)
			},
			want: truncated,
		},
		"it is truncated where its container logs elsewhere": {
			arrange: func(_ *testing.T, l *logs, _ string, cri *scriptedCRI) {
				cri.containers[0].LogPath = "/elsewhere/" + web + "0.log"
			},
			want: truncated,
		},
		"it is left alone where nothing else is allowed and no container logs there": {
			arrange: func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) { cri.containers = nil },
			set:     func(s *logSettings) { s.Truncate = false },
			note:    []string{"not the log of one running container"},
		},
		"it is left alone where a reader lies far behind": {
			arrange: func(t *testing.T, _ *logs, path string, _ *scriptedCRI) { start(t, "hold", path) },
			note:    []string{"reader behind"},
		},
		"it is left alone where a process maps it": {
			arrange: func(t *testing.T, _ *logs, path string, _ *scriptedCRI) { start(t, "map", path) },
			note:    []string{"maps it"},
		},
		"it is renamed where a writer does not append": {
			arrange: func(t *testing.T, _ *logs, path string, _ *scriptedCRI) { start(t, "plain", path) },
			want:    "rotate " + web + "0.log",
		},
		"it is renamed where the runtime names the root by a link": {
			arrange: func(t *testing.T, l *logs, _ string, cri *scriptedCRI) {
				link := t.TempDir() + "/pods"
				if err := os.Symlink(l.root, link); err != nil {
					t.Fatal(err)
				}
				cri.containers[0].LogPath = link + "/" + web + "0.log"
			},
			want: "rotate " + web + "0.log",
		},
		"it is left alone where its sandbox has opted out": {
			arrange: func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) {
				cri.sandboxes = []runtime.Sandbox{{PodUID: cri.containers[0].PodUID, Annotations: map[string]string{optOutKey: "true"}}}
			},
			note: []string{"opted out"},
		},
		"it is left alone where its pod has opted out since": {
			arrange: func(_ *testing.T, l *logs, _ string, _ *scriptedCRI) {
				l.node.Pods = scriptedPods{pods: []node.Pod{{
					Namespace: "shop", Name: "web-0", UID: "mirror", Annotations: map[string]string{optOutKey: "true"},
				}}}
			},
			note: []string{"opted out"},
		},
		"an opt-out that is not true is none": {
			arrange: func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) {
				cri.sandboxes = []runtime.Sandbox{{PodUID: cri.containers[0].PodUID, Annotations: map[string]string{optOutKey: "false"}}}
			},
			want: "rotate " + web + "0.log",
		},
		"it is left alone where its namespace is excluded": {
			set:  func(s *logSettings) { s.ExcludeNamespaces = []string{"shop"} },
			note: []string{"excludeNamespaces"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, path := live(t)
			cri, _ := l.withRuntime("runtime", path)
			cri.reopen = nil // planning must not
			if tc.arrange != nil {
				tc.arrange(t, &l, path, cri)
			}
			r := LogReclaim{}
			if tc.set != nil {
				r = with(t, tc.set)
			}
			before := l.manifest()
			plan := l.plan(r, l.bytes(all))
			if got := strings.Join(l.effects(plan), ", "); got != tc.want {
				t.Errorf("plans %q, want %q; notes are %q", got, tc.want, plan.Notes)
			}
			if diff := cmp.Diff(before, l.manifest()); diff != "" {
				t.Error(diff)
			}
			if tc.note != nil {
				noted(t, plan.Notes, tc.note...)
			}
		})
	}
}

func TestWhereNobodyCanSayWhoHasOptedOutNothingIsDone(t *testing.T) {
	l, path := live(t)
	cri, _ := l.withRuntime("runtime", path)
	plan := l.plan(LogReclaim{}, l.bytes(all))
	cri.sandboxErr = errors.New("no answer")
	want := "cannot tell which pods have opted out: list sandboxes: no answer"
	if _, err := (LogReclaim{}).Plan(t.Context(), l.node, l.bytes(all)); err == nil || err.Error() != want {
		t.Errorf("planned: %v", err)
	}
	if _, err := (LogReclaim{}).Apply(t.Context(), l.node, plan, Run{}); err == nil || err.Error() != want {
		t.Errorf("applied: %v", err)
	}
	l.node.Pods = scriptedPods{} // one who answers is enough
	if len(l.plan(LogReclaim{}, l.bytes(all)).Items) != 1 {
		t.Error("nothing is planned though the pods are known")
	}
}

func TestNoLogIsRenamedWithoutRoomForANewOne(t *testing.T) {
	for sentence, tc := range map[string]struct {
		options string
		take    func(l logs) error
		note    string
	}{
		"inodes are short": {"size=8m,nr_inodes=24", func(l logs) error {
			for i := range 8 {
				if err := os.WriteFile(l.path(fmt.Sprint("taken", i)), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		}, "inodes are left"},
		"bytes are short": {"size=4m", func(l logs) error {
			return os.WriteFile(l.path("taken"), make([]byte, 1536<<10), 0o600)
		}, "bytes are left"},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLogs(t)
			mount(t, "tmpfs", l.root, "tmpfs", 0, tc.options)
			path := l.write(web+"0.log", 2048)
			l.withRuntime("runtime", path)
			roomy := l.plan(LogReclaim{}, l.bytes(all))
			if err := tc.take(l); err != nil {
				t.Fatal(err)
			}
			was := inode(t, path)
			_, notes := l.apply(LogReclaim{}, roomy, nil)
			noted(t, notes, tc.note, "0.log")
			if inode(t, path) != was || size(t, path) != 2<<20 {
				t.Error("the log was touched")
			}
			plan := l.plan(LogReclaim{}, l.bytes(all))
			noted(t, plan.Notes, "no log can be renamed and reopened", tc.note)
			if diff := cmp.Diff([]string{"truncate " + web + "0.log"}, l.effects(plan)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALogIsLookedAtAgainBeforeItIsRenamed(t *testing.T) {
	for sentence, tc := range map[string]struct {
		change func(t *testing.T, l *logs, path string, cri *scriptedCRI)
		note   string
	}{
		"its container has ended": {func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) {
			cri.containers[0].Running = false
		}, "does not run"},
		"its container is gone": {func(_ *testing.T, _ *logs, _ string, cri *scriptedCRI) {
			cri.containers = nil
		}, "does not run"},
		"its container logs elsewhere": {func(_ *testing.T, l *logs, _ string, cri *scriptedCRI) {
			cri.containers[0].LogPath = l.path(web + "1.log")
		}, "elsewhere"},
		"its pod has opted out": {func(_ *testing.T, l *logs, _ string, cri *scriptedCRI) {
			cri.sandboxes = []runtime.Sandbox{{PodUID: l.running().PodUID, Annotations: map[string]string{optOutKey: "true"}}}
		}, "opted out"},
		"the runtime is gone": {func(_ *testing.T, l *logs, _ string, _ *scriptedCRI) {
			l.node.Runtime = nil
		}, "no container runtime"},
		"the kubelet has rotated it": {func(t *testing.T, l *logs, path string, cri *scriptedCRI) {
			if err := os.Rename(path, l.path(web+monday)); err != nil {
				t.Fatal(err)
			}
			if err := cri.reopen("c0"); err != nil {
				t.Fatal(err)
			}
		}, hasChanged},
		"a link has its name": {func(t *testing.T, l *logs, path string, _ *scriptedCRI) {
			if err := os.Rename(path, l.path("precious")); err != nil {
				t.Fatal(err)
			}
			l.symlink(l.path("precious"), web+"0.log")
		}, hasChanged},
		"a reader has come and lies far behind": {func(t *testing.T, _ *logs, path string, _ *scriptedCRI) {
			start(t, "hold", path)
		}, "reader behind"},
		"it is gone": {func(t *testing.T, _ *logs, path string, _ *scriptedCRI) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "it is gone"},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, path := live(t)
			cri, _ := l.withRuntime("runtime", path)
			plan := l.plan(LogReclaim{}, l.bytes(all))
			tc.change(t, &l, path, cri)
			cri.reopen = func(string) error { t.Error("reopened"); return nil }
			before := l.manifest()
			removed, notes := l.apply(LogReclaim{}, plan, nil)
			if removed != (headroom.Amount{}) {
				t.Errorf("removed %+v", removed)
			}
			if diff := cmp.Diff(before, l.manifest()); diff != "" {
				t.Error(diff)
			}
			noted(t, notes, tc.note, "0.log")
		})
	}
}

func TestARenamedLogStaysAsLongAsItIsNeeded(t *testing.T) {
	for sentence, tc := range map[string]struct {
		role  string // of somebody else who has it open
		after func(a *actor)
		left  int
		note  string
	}{
		"a shipper behind its end keeps it":          {"hold", nil, 1, "reader behind"},
		"a shipper that reads on in time does not":   {"hold", func(a *actor) { time.Sleep(time.Second); a.act() }, 0, ""},
		"a shipper at its end holds it for nothing":  {"follow", nil, 0, ""},
		"a writer that does not reopen keeps it":     {"append", nil, 1, "open for writing"},
		"a writer that does not append keeps it too": {"plain", nil, 1, "open for writing"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel() // each waits as long as a remedy does
			l := newLogs(t)
			path := l.write(web+"0.log", 512)
			_, writer := l.withRuntime("runtime", path)
			other := start(t, tc.role, path)
			r := with(t, func(s *logSettings) { s.MinSize = 0 })
			plan := l.plan(r, l.bytes(all))
			done := make(chan struct{})
			go func() {
				defer close(done)
				if tc.after != nil {
					tc.after(other)
				}
			}()
			removed, notes := l.apply(r, plan, nil)
			<-done
			left := l.rotatedNames()
			if len(left) != tc.left || (removed.Bytes == 512<<10) != (tc.left == 0) {
				t.Errorf("left are %q, removed %+v", left, removed)
			}
			if tc.left > 0 {
				noted(t, notes, "the old file stays", tc.note, "0.log.")
				if size(t, left[0]) != 512<<10 {
					t.Error("what is kept was touched")
				}
			} else if len(notes) > 0 {
				t.Errorf("notes are %q", notes)
			}
			writer.act()
			if got := content(t, path); got != aLine {
				t.Errorf("the log goes on with %q", got)
			}
		})
	}
}

func TestARenamedLogThatWasKeptIsTheNewestRotatedOne(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	path := l.write(web+"0.log", 512)
	l.withRuntime("runtime", path)
	behind := start(t, "hold", path)
	r := with(t, func(s *logSettings) { s.MinSize = 0 })
	l.apply(r, l.plan(r, l.bytes(all)), nil)
	behind.stop()
	if plan := l.plan(LogReclaim{}, l.bytes(all)); len(plan.Items) > 0 || len(l.rotatedNames()) != 1 {
		t.Errorf("keep: 1, and yet %q", l.effects(plan))
	}
	if plan := l.plan(with(t, func(s *logSettings) { s.Keep = 0 }), l.bytes(all)); len(plan.Items) != 1 {
		t.Errorf("keep: 0 plans %q", l.effects(plan))
	}
}

func TestARenameIsUndoneIfTheLogIsNotMadeAnew(t *testing.T) {
	l, path := live(t)
	cri, writer := l.withRuntime("runtime", path)
	was := inode(t, path)
	for sentence, reopen := range map[string]func(string) error{
		"the runtime refuses":         func(string) error { return errors.New("container is not running") },
		"it refuses with gRPC's code": func(string) error { return status.Error(codes.FailedPrecondition, "container is not running") },
	} {
		cri.reopen = reopen
		removed, notes := l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.bytes(all)), nil)
		if removed != (headroom.Amount{}) || inode(t, path) != was || len(l.rotatedNames()) > 0 {
			t.Errorf("%s: removed %+v; %q", sentence, removed, l.names())
		}
		noted(t, notes, "reopen the log", "0.log")
	}
	writer.act()
	if got := content(t, path); got != aLine {
		t.Errorf("the log goes on with %q", got)
	}
}

func TestAnUndoneRenameOverwritesNoNewerLog(t *testing.T) {
	l, path := live(t)
	cri, _ := l.withRuntime("runtime", path)
	a := logApply{node: l.node}
	f := l.plan(LogReclaim{}, l.bytes(all)).Items[0]
	defer a.folders.close()
	dir, err := a.folders.enter(f.file.in)
	if err != nil {
		t.Fatal(err)
	}
	// The log's name leads to another file by the time of the rename: that one
	// has been renamed, and a newer one made.
	old := web + "0.log.20261125-000001"
	l.write(old, 4)
	l.write(web+"0.log", 8)
	cri.reopen = nil
	before := l.manifest()
	err = a.reopen(t.Context(), dir, &f.file, "0.log.20261125-000001", f)
	if err != leftAlone(hasChanged) {
		t.Errorf("error is %v", err)
	}
	noted(t, a.harm, "made anew by somebody else", "0.log.20261125-000001")
	if diff := cmp.Diff(before, l.manifest()); diff != "" {
		t.Error(diff)
	}
	// And without the newer one it gets its name back.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	was := inode(t, l.path(old))
	if err := a.reopen(t.Context(), dir, &f.file, "0.log.20261125-000001", f); err != leftAlone(hasChanged) || inode(t, path) != was {
		t.Errorf("%v: %q", err, l.names())
	}
}

func TestARenameOverwritesNothing(t *testing.T) {
	l, path := live(t)
	dir, err := unix.Open(l.path(web), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	now := time.Date(2026, 11, 25, 12, 0, 3, 0, time.UTC)
	l.write(web+"0.log.20261125-120002", 4)
	before, was := l.manifest(), inode(t, path)
	got, err := renameLog(dir, "0.log", now)
	if want := "0.log.20261125-120001"; got != want || err != nil {
		t.Errorf("renamed to %q: %v, want %q", got, err, want)
	}
	after := l.manifest()
	if diff := cmp.Diff(before["/"+web+"0.log.20261125-120002"], after["/"+web+"0.log.20261125-120002"]); diff != "" {
		t.Error(diff)
	}
	if name, ok := kubeletLog(got); !ok || !name.rotated || inode(t, l.path(web+got)) != was {
		t.Errorf("%q is not what the kubelet would call it", got)
	}
	for i := range 10 {
		l.write(web+"0.log."+now.Add(-time.Duration(i)*time.Second).Format("20060102-150405"), 4)
	}
	l.write(web+"0.log", 4)
	l.write(web+"0.log.20261125-115953", 4)
	if _, err := renameLog(dir, "0.log", now); !errors.As(err, new(leftAlone)) {
		t.Errorf("with every name taken: %v", err)
	}
}
