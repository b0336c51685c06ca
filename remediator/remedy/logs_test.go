package remedy

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

// web is where the logs of one container lie beneath a root.
const web = "shop_web-0_6f1f2d3c-0000-4000-8000-000000000001/web/"

// logs is a log root of a test.
type logs struct {
	t    *testing.T
	root string
	node Node
}

func newLogs(t *testing.T) logs { return logsIn(t, t.TempDir()) }

func logsIn(t *testing.T, root string) logs {
	return logs{t, root, Node{Name: "n1", Proc: "/proc", LogRoots: []string{root}}}
}

func (l logs) path(name string) string { return filepath.Join(l.root, name) }

// write makes a file of that many KiB.
func (l logs) write(name string, kib int) string {
	l.t.Helper()
	path := l.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, kib<<10), 0o640); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// docker writes Docker's own record of a container, as its daemon 28 did; empty
// labels are a container that no kubelet made.
func (l logs) docker(id, name, labels string) {
	l.t.Helper()
	path := l.path(id + "/" + dockerRecord)
	if err := os.MkdirAll(filepath.Dir(path), 0o710); err != nil {
		l.t.Fatal(err)
	}
	record := fmt.Sprintf(`{"StreamConfig":{},"State":{"Running":true,"Pid":4711},"ID":%q,"Created":"2026-11-23T04:01:31Z","Managed":false,"Path":"/bin/sh","Config":{"Hostname":"web","Labels":{%s}},"Image":"sha256:4bcf","LogPath":"/var/lib/docker/containers/%s/%s-json.log","Name":%q,"Driver":"overlay2"}`,
		id, labels, id, id, "/"+name)
	if err := os.WriteFile(path, []byte(record), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l logs) disk() node.Disk {
	l.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(l.root, &st); err != nil {
		l.t.Fatal(err)
	}
	return idOf(&st).disk
}

func (l logs) bytes(n int64) Need  { return Need{headroom.NodeFSAvailable, l.disk(), n} }
func (l logs) inodes(n int64) Need { return Need{headroom.NodeFSInodesFree, l.disk(), n} }

// all needs more than there is.
const all = int64(1) << 50

func (l logs) plan(r LogReclaim, need Need) Plan {
	l.t.Helper()
	plan, err := r.Plan(context.Background(), l.node, need)
	if err != nil {
		l.t.Fatal(err)
	}
	return plan
}

// apply applies a plan until it has removed as much as was needed, and calls
// each, if given, after every effect.
func (l logs) apply(r LogReclaim, plan Plan, each func(Item)) (headroom.Amount, []string) {
	l.t.Helper()
	var removed headroom.Amount
	notes, err := r.Apply(context.Background(), l.node, plan, Run{
		Missing: func(context.Context) (int64, error) {
			return plan.need.Amount - removed.In(plan.need.Signal.Unit()), nil
		},
		Removed: func(item Item, a headroom.Amount) {
			removed = removed.Add(a)
			if each != nil {
				each(item)
			}
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return removed, notes
}

// effects are what a plan does, without the root's path.
func (l logs) effects(p Plan) []string {
	var all []string
	for _, item := range p.Items {
		all = append(all, item.Does+" "+strings.ReplaceAll(item.What, l.root+"/", ""))
	}
	return all
}

// manifest describes every file beneath the root: whatever changes shows.
func (l logs) manifest() map[string]string {
	l.t.Helper()
	m := make(map[string]string)
	err := filepath.WalkDir(l.root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		err = unix.Lstat(path, &st)
		m[strings.TrimPrefix(path, l.root)] = fmt.Sprintf("ino %d mode %o links %d size %d mtime %d ctime %d",
			st.Ino, st.Mode, st.Nlink, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

// names are the files beneath the root.
func (l logs) names() []string {
	l.t.Helper()
	var names []string
	err := filepath.WalkDir(l.root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, l.root+"/"))
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return names
}

// noted fails unless one of the notes has all the words.
func noted(t *testing.T, notes []string, words ...string) {
	t.Helper()
note:
	for _, n := range notes {
		for _, w := range words {
			if !strings.Contains(n, w) {
				continue note
			}
		}
		return
	}
	t.Errorf("no note has %q; there are:\n%s", words, strings.Join(notes, "\n"))
}

// with configures a LogReclaim.
func with(t *testing.T, set func(*logSettings)) LogReclaim {
	t.Helper()
	r, err := LogReclaim{}.Configure(func(into any) error {
		set(into.(*logSettings))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.(LogReclaim)
}
