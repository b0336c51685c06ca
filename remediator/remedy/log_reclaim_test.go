package remedy

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

const (
	monday    = "0.log.20261123-000000.gz"
	tuesday   = "0.log.20261124-000000.gz"
	wednesday = "0.log.20261125-000000"
)

func TestPlan(t *testing.T) {
	two := "batch_job-1_6f1f2d3c-0000-4000-8000-000000000002/main/"
	for sentence, tc := range map[string]struct {
		set    func(*logSettings)
		need   func(logs) Need
		want   []string
		inodes int64
	}{
		"the newest rotated file of each log stays": {
			need: func(l logs) Need { return l.bytes(all) },
			want: []string{
				"remove " + two + "3.log.20261101-000000",
				"remove " + web + tuesday,
				"remove " + dockerID + "/" + dockerID + "-json.log.2.gz",
				"remove " + web + monday,
			},
			inodes: 4,
		},
		"two stay where two are to": {
			set:    func(s *logSettings) { s.Keep = 2 },
			need:   func(l logs) Need { return l.bytes(all) },
			want:   []string{"remove " + web + monday},
			inodes: 1,
		},
		"none stays where none is to": {
			set:    func(s *logSettings) { s.Keep = 0 },
			need:   func(l logs) Need { return l.inodes(all) },
			inodes: 8,
		},
		"no more than needed, largest first": {
			need:   func(l logs) Need { return l.bytes(40<<10 + 1) },
			want:   []string{"remove " + two + "3.log.20261101-000000", "remove " + web + tuesday},
			inodes: 2,
		},
		"exactly enough is enough": {
			need:   func(l logs) Need { return l.bytes(40 << 10) },
			want:   []string{"remove " + two + "3.log.20261101-000000"},
			inodes: 1,
		},
		"an inode is an inode, whatever its size": {
			need:   func(l logs) Need { return l.inodes(3) },
			inodes: 3,
		},
		"an excluded namespace is left alone": {
			set:    func(s *logSettings) { s.ExcludeNamespaces = []string{"shop", "bat"} },
			need:   func(l logs) Need { return l.bytes(all) },
			want:   []string{"remove " + two + "3.log.20261101-000000", "remove " + dockerID + "/" + dockerID + "-json.log.2.gz"},
			inodes: 2,
		},
		"what is not missing is not planned": {
			need: func(l logs) Need { return l.bytes(0) },
		},
		"memory is not in logs": {
			need: func(l logs) Need { return Need{headroom.MemoryAvailable, l.disk(), all} },
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLogs(t)
			l.write(web+"0.log", 4)
			l.write(web+monday, 4)
			l.write(web+tuesday, 12)
			l.write(web+wednesday, 80)
			l.write(two+"3.log.20261101-000000", 40)
			l.write(two+"3.log.20261102-000000", 4)
			l.write(two+"2.log.20261003-000000", 90)
			l.docker(dockerID, "web", "")
			l.write(dockerID+"/"+dockerID+"-json.log.1", 4)
			l.write(dockerID+"/"+dockerID+"-json.log.2.gz", 8)
			r := LogReclaim{}
			if tc.set != nil {
				r = with(t, tc.set)
			}
			plan := l.plan(r, tc.need(l))
			if tc.want != nil || tc.inodes == 0 {
				if diff := cmp.Diff(tc.want, l.effects(plan)); diff != "" {
					t.Error(diff)
				}
			}
			if plan.Frees.Inodes != tc.inodes {
				t.Errorf("frees %d inodes, want %d", plan.Frees.Inodes, tc.inodes)
			}
			if again := l.plan(r, tc.need(l)); again.Hash() != plan.Hash() {
				t.Error("the same tree makes another plan")
			}
		})
	}
}

// The kubelet and Docker compress a rotated file into a new one and remove it
// then, or after their next start.
func TestAPartAndItsCompressedCopyAreOne(t *testing.T) {
	for _, log := range []string{web + "0.log.20261123-00000", dockerID + "/" + dockerID + "-json.log."} {
		l := newLogs(t)
		newest, older := log+"2", log+"1"
		if strings.HasPrefix(log, dockerID) {
			newest, older = older, newest
			l.docker(dockerID, "web", "")
		}
		for _, name := range []string{older, newest + ".gz", older + ".gz", newest} {
			l.write(name, 4)
		}
		for keep, want := range [][]string{
			{"remove " + older, "remove " + newest + ".gz", "remove " + older + ".gz", "remove " + newest},
			{"remove " + older, "remove " + older + ".gz"},
			nil,
		} {
			r := with(t, func(s *logSettings) { s.Keep = keep })
			if diff := cmp.Diff(want, l.effects(l.plan(r, l.bytes(all)))); diff != "" {
				t.Errorf("keep %d: %s", keep, diff)
			}
		}
	}
}

func TestApplyRemovesWhatWasPlanned(t *testing.T) {
	l := newLogs(t)
	l.write(web+"0.log", 4)
	l.write(web+monday, 8)
	l.write(web+tuesday, 12)
	l.write(web+wednesday, 16)
	l.write(web+"notes.txt", 4)
	removed, _ := l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.bytes(all)), nil)
	if want := (headroom.Amount{Bytes: 20 << 10, Inodes: 2}); removed != want {
		t.Errorf("removed %+v, want %+v", removed, want)
	}
	if diff := cmp.Diff([]string{web + "0.log", web + wednesday, web + "notes.txt"}, l.names()); diff != "" {
		t.Error(diff)
	}
}

func TestApplyStopsWhenEnoughIsFree(t *testing.T) {
	l := newLogs(t)
	for _, day := range []string{"01", "02", "03", "04", "05", "06"} {
		l.write(web+"0.log.202611"+day+"-000000", 4)
	}
	plan := l.plan(LogReclaim{}, l.inodes(5))
	// Two are missing at first; once they are there somebody has taken one.
	missing, asked, removed := []int64{2, 1, 0}, 0, 0
	_, err := LogReclaim{}.Apply(t.Context(), l.node, plan, Run{
		Missing: func(context.Context) (int64, error) { asked++; return missing[asked-1], nil },
		Removed: func(Item, headroom.Amount) { removed++ },
	})
	if err != nil || removed != 3 || asked != 3 {
		t.Errorf("removed %d and asked %d times: %v, want 3 and 3", removed, asked, err)
	}
}

func TestApplyStopsWhenToldTo(t *testing.T) {
	l := newLogs(t)
	for _, day := range []string{"01", "02", "03", "04"} {
		l.write(web+"0.log.202611"+day+"-000000", 4)
	}
	plan := l.plan(LogReclaim{}, l.inodes(3))
	ctx, cancel := context.WithCancel(t.Context())
	removed := 0
	_, err := LogReclaim{}.Apply(ctx, l.node, plan, Run{
		Missing: func(context.Context) (int64, error) { return all, nil },
		Removed: func(Item, headroom.Amount) { removed++; cancel() },
	})
	if err != context.Canceled || removed != 1 {
		t.Errorf("removed %d: %v, want 1 and %v", removed, err, context.Canceled)
	}
}

func TestApplyStopsWhenTheNodeCannotBeRead(t *testing.T) {
	l := newLogs(t)
	l.write(web+monday, 4)
	l.write(web+tuesday, 4)
	plan := l.plan(LogReclaim{}, l.inodes(1))
	_, err := LogReclaim{}.Apply(t.Context(), l.node, plan, Run{
		Missing: func(context.Context) (int64, error) { return 0, os.ErrDeadlineExceeded },
		Removed: func(Item, headroom.Amount) { t.Error("removed something") },
	})
	if err == nil || !strings.Contains(err.Error(), "read what is missing") {
		t.Errorf("error is %v", err)
	}
}

func TestAFolderThatCannotBeReadForbidsNoOther(t *testing.T) {
	l := newLogs(t)
	fd, err := unix.Open(l.root, unix.O_PATH|unix.O_CLOEXEC, 0) // reading it is an error
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for level, forbids := range []bool{true, false, false} {
		w := newWalker(defaultLogSettings, l.bytes(all), nil)
		err := w.each(t.Context(), fd, level, l.root, func(dirent) error { return nil })
		if forbids != (err != nil) {
			t.Errorf("level %d: %v", level, err)
		}
		if !forbids {
			noted(t, w.notes.list(), "read: bad file descriptor", l.root)
		}
	}
}

func TestRootsThatDoNotHelp(t *testing.T) {
	good := newLogs(t)
	good.write(web+monday, 4)
	good.write(web+tuesday, 4)
	link := t.TempDir() + "/link"
	if err := os.Symlink(good.root, link); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	mount(t, "tmpfs", other, "tmpfs", 0, "")
	logsIn(t, other).write(web+monday, 4)
	for sentence, tc := range map[string]struct {
		root string
		want []string
	}{
		"a missing root is named":         {good.root + "/none", []string{good.root + "/none", "does not exist", "--path.logs"}},
		"a root that is a link is named":  {link + "/", []string{link, "symbolic link", "--path.logs"}},
		"a root that is a file is named":  {good.path(web + monday), []string{monday, "is not a folder", "--path.logs"}},
		"a relative root is refused":      {"var/log/pods", []string{"var/log/pods", "absolute"}},
		"a root on another disk is named": {other, []string{other, logsIn(t, other).disk().String(), good.disk().String()}},
		"a strange root is quoted":        {"/a\nb", []string{`"/a\nb"`}},
	} {
		t.Run(sentence, func(t *testing.T) {
			n := good.node
			n.LogRoots = []string{tc.root, good.root, good.root + "/."}
			plan, err := LogReclaim{}.Plan(t.Context(), n, good.bytes(all))
			if err != nil || len(plan.Items) != 1 {
				t.Fatalf("the good root's plan has %d items: %v", len(plan.Items), err)
			}
			noted(t, plan.Notes, tc.want...)
			n.LogRoots = n.LogRoots[:1]
			plan, err = LogReclaim{}.Plan(t.Context(), n, good.bytes(all))
			if err != nil {
				plan.Notes = append(plan.Notes, err.Error())
			}
			if len(plan.Items) != 0 {
				t.Errorf("plans %v", plan.Items)
			}
			noted(t, plan.Notes, tc.want...)
			_, missing := os.Lstat(tc.root)
			if mayBe := tc.root == other || filepath.IsAbs(tc.root) && missing != nil; mayBe != (err == nil) {
				t.Errorf("error is %v", err)
			}
		})
	}
	plan, err := LogReclaim{}.Plan(t.Context(), Node{Proc: "/proc"}, Need{headroom.NodeFSAvailable, node.Disk{}, 1})
	if err != nil || len(plan.Items) > 0 {
		t.Errorf("no root at all: plans %v, %v", plan.Items, err)
	}
	noted(t, plan.Notes, "no log root", "--path.logs")
}
