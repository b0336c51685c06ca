package remedy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/runtime"
)

func init() {
	// Applies a plan for everything in ROOT, whose log PID writes, and hangs at a
	// step.
	scripts["reclaim-until"] = func(args []string) error {
		root, step := args[0], args[2]
		pid, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		l := logs{root: root}
		cri := &scriptedCRI{containers: []runtime.Container{l.running()}}
		cri.reopen = func(string) error { return reopenBy(pid, l.path(web+"0.log")) }
		n := Node{Proc: "/proc", LogRoots: []string{root}, Runtime: cri}
		var r LogReclaim
		if len(args) > 3 {
			r.settings = &logSettings{Truncate: true}
		}
		_, plan, err := planFor(args[:1])
		if err != nil {
			return err
		}
		need := Need{headroom.NodeFSAvailable, plan.need.Disk, all}
		if plan, err = r.Plan(context.Background(), n, need); err != nil {
			return err
		}
		_, err = r.Apply(context.Background(), n, plan, Run{
			Missing: func(context.Context) (int64, error) { return all, nil },
			Removed: func(Item, headroom.Amount) {},
			Step:    hangAt(step),
		})
		fmt.Println("the step was not reached")
		return err
	}
}

// killedAt makes a tree, has a process reclaim it and kills that at a step. The
// writer wrote a line before and writes another after the kill.
func killedAt(t *testing.T, step string) (l logs, cri *scriptedCRI, writer *actor) {
	t.Helper()
	l, path := live(t)
	l.write(web+monday, 4)
	l.write(web+wednesday, 4)
	cri, writer = l.withRuntime("runtime", path)
	writer.act()
	args := []string{l.root, fmt.Sprint(writer.cmd.Process.Pid), step}
	if step == logTruncated {
		args = append(args, "truncate")
	}
	a := launch(t, "reclaim-until", args...)
	a.killAt("hanging")
	writer.act()
	return l, cri, writer
}

func (l logs) finish() []string {
	l.t.Helper()
	notes, err := LogReclaim{}.Finish(l.t.Context(), l.node)
	if err != nil {
		l.t.Fatal(err)
	}
	return notes
}

func TestKilledAtAnyStepOfReclaimingLogs(t *testing.T) {
	for _, step := range (LogReclaim{}).Steps() {
		t.Run(step, func(t *testing.T) {
			l, _, writer := killedAt(t, step)
			path := l.path(web + "0.log")
			notes := l.finish()
			if (step == logRenamed) != (len(notes) == 1) {
				t.Errorf("notes are %q", notes)
			}
			writer.act()
			if got := content(t, path); !strings.HasSuffix(got, aLine) {
				t.Errorf("the live log ends with %q", got)
			}
			// No line is lost but those that were reclaimed.
			lines := 0
			for _, name := range append(l.rotatedNames(), path) {
				lines += strings.Count(content(t, name), aLine)
			}
			if want := map[string]int{logRemoved: 3, logRenamed: 3, logReopened: 3, logTruncated: 2}[step]; lines != want {
				t.Errorf("%d lines are left, want %d", lines, want)
			}
			before := l.manifest()
			if again := l.finish(); len(again) > 0 {
				t.Errorf("a second time it says %q", again)
			}
			if diff := cmp.Diff(before, l.manifest()); diff != "" {
				t.Error(diff)
			}
			// And it goes on.
			removed, notes := l.apply(with(t, func(s *logSettings) { s.Keep, s.MinSize = 0, 0 }), l.plan(with(t, func(s *logSettings) { s.Keep, s.MinSize = 0, 0 }), l.bytes(all)), nil)
			if removed.Bytes == 0 || len(l.rotatedNames()) > 0 {
				t.Errorf("then it removes %+v and leaves %q: %q", removed, l.rotatedNames(), notes)
			}
		})
	}
}

func TestARenameThatWasCutShortIsUndoneWhereTheLogCannotBeMadeAnew(t *testing.T) {
	for sentence, arrange := range map[string]func(l *logs, cri *scriptedCRI){
		"the runtime refuses":           func(_ *logs, cri *scriptedCRI) { cri.reopen = nil },
		"nobody says whose it is":       func(_ *logs, cri *scriptedCRI) { cri.listErr = errors.New("no answer") },
		"the container is not known":    func(_ *logs, cri *scriptedCRI) { cri.containers = nil },
		"there is no runtime any more":  func(l *logs, _ *scriptedCRI) { l.node.Runtime = nil },
		"the container is said to stop": func(_ *logs, cri *scriptedCRI) { cri.containers[0].Running = false },
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			l, cri, writer := killedAt(t, logRenamed)
			was := inode(t, l.rotatedUncompressed())
			arrange(&l, cri)
			noted(t, l.finish(), "it has its name again")
			writer.act()
			path := l.path(web + "0.log")
			if inode(t, path) != was || strings.Count(content(t, path), aLine) != 3 {
				t.Errorf("there are %q", l.names())
			}
		})
	}
}

// rotatedUncompressed is the file that killedAt left renamed.
func (l logs) rotatedUncompressed() string {
	l.t.Helper()
	for _, name := range l.rotatedNames() {
		if base := filepath.Base(name); base != wednesday && base != monday {
			return name
		}
	}
	l.t.Fatalf("there are %q", l.names())
	return ""
}

func TestNothingIsFinishedThatIsNotHalfDone(t *testing.T) {
	for sentence, arrange := range map[string]func(t *testing.T, l *logs){
		"a live log and rotated ones": func(t *testing.T, l *logs) {
			path := l.write(web+"0.log", 4)
			l.write(web+monday, 4)
			start(t, "append", l.write(web+wednesday, 4))
			l.withRuntime("runtime", path)
		},
		"the rotated logs of a container that is gone": func(t *testing.T, l *logs) {
			l.write(web+wednesday, 4)
			start(t, "follow", l.path(web+wednesday))
		},
		"a compressed log": func(t *testing.T, l *logs) {
			start(t, "append", l.write(web+monday, 4))
		},
		"Docker's": func(t *testing.T, l *logs) {
			start(t, "append", l.write(dockerID+"/"+dockerID+"-json.log.1", 4))
		},
		"an API server's": func(t *testing.T, l *logs) {
			start(t, "append", l.write("kube-system_kube-apiserver-cp1_0123456789abcdef0123456789abcdef/kube-apiserver/"+wednesday, 4))
		},
		"a log of ours by no name of ours": func(t *testing.T, l *logs) {
			start(t, "append", l.write(web+"0.log.old", 4))
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLogs(t)
			arrange(t, &l)
			before := l.manifest()
			if notes := l.finish(); len(notes) > 0 {
				t.Errorf("notes are %q", notes)
			}
			if diff := cmp.Diff(before, l.manifest()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARotationOfTheKubeletsIsNotFinished(t *testing.T) {
	l, cri, _ := killedAt(t, logRenamed)
	reopen := cri.reopen
	cri.reopen = func(string) error { t.Error("reopened twice"); return nil }
	go func() {
		time.Sleep(finishPause / 4)
		if err := reopen(""); err != nil {
			t.Error(err)
		}
	}()
	if notes := l.finish(); len(notes) > 0 {
		t.Errorf("notes are %q", notes)
	}
}
