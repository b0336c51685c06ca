package remedy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// hazard makes a tree in which only web/monday may go.
func hazard(t *testing.T) logs {
	l := newLogs(t)
	l.write(web+"0.log", 4)
	l.write(web+monday, 4)
	l.write(web+wednesday, 4)
	return l
}

// onlyMonday fails unless a plan for everything removes web/monday alone and
// the other files stay as they are.
func (l logs) onlyMonday() []string {
	l.t.Helper()
	before := l.manifest()
	r := with(l.t, func(s *logSettings) { s.MinSize = 0 })
	plan := l.plan(r, l.bytes(all))
	if diff := cmp.Diff([]string{"remove " + web + monday}, l.effects(plan)); diff != "" {
		l.t.Error(diff)
	}
	_, notes := l.apply(r, plan, nil)
	after := l.manifest()
	delete(before, "/"+web+monday)
	in := "/" + strings.TrimSuffix(web, "/")
	delete(before, in)
	delete(after, in) // its mtime
	if diff := cmp.Diff(before, after); diff != "" {
		l.t.Error(diff)
	}
	return append(plan.Notes, notes...)
}

func (l logs) symlink(to, name string) {
	l.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(l.path(name)), 0o755), os.Symlink(to, l.path(name))); err != nil {
		l.t.Fatal(err)
	}
}

func TestSymlinksAreLeftAlone(t *testing.T) {
	l := hazard(t)
	outside := newLogs(t)
	outside.write(web+monday, 4)
	outside.write(web+tuesday, 4)
	shadow := outside.write("shadow", 4)
	before := outside.manifest()
	l.symlink(shadow, web+tuesday)
	l.symlink(shadow, web+"1.log")
	l.symlink(outside.path(web), "shop_web-1_00000000-0000-4000-8000-000000000002/web")
	l.symlink(filepath.Dir(outside.path(web)), "shop_web-2_00000000-0000-4000-8000-000000000003")
	l.symlink(outside.path(web), dockerID)
	noted(t, l.onlyMonday(), isLink, "and 4 more")
	if diff := cmp.Diff(before, outside.manifest()); diff != "" {
		t.Error(diff)
	}
}

func TestHardLinksAreLeftAlone(t *testing.T) {
	l := hazard(t)
	shadow := newLogs(t).write("shadow", 4)
	if err := os.Link(shadow, l.path(web+tuesday)); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(shadow, l.path(web+"1.log")); err != nil {
		t.Fatal(err)
	}
	start(t, "append", shadow).act()
	noted(t, l.onlyMonday(), "hard links", "and 1 more")
}

func TestDevicesAndPipesAreLeftAlone(t *testing.T) {
	l := hazard(t)
	for _, name := range []string{web + tuesday, web + "1.log", dockerID} {
		if err := unix.Mkfifo(l.path(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(l.path(web+"2.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	noted(t, l.onlyMonday(), notRegular, "and 3 more")
}

func TestBindMountsOfTheSameDiskAreLeftAlone(t *testing.T) {
	l := hazard(t)
	outside := newLogs(t)
	file := outside.write(web+monday, 4)
	outside.write(web+tuesday, 4)
	before := outside.manifest()
	l.write(web+tuesday, 0)
	mount(t, file, l.path(web+tuesday), "", unix.MS_BIND, "")
	for _, name := range []string{"shop_web-1_00000000-0000-4000-8000-000000000002/web", dockerID} {
		if err := os.MkdirAll(l.path(name), 0o755); err != nil {
			t.Fatal(err)
		}
		mount(t, filepath.Dir(file), l.path(name), "", unix.MS_BIND, "")
	}
	noted(t, l.onlyMonday(), isMount, "and 2 more")
	if diff := cmp.Diff(before, outside.manifest()); diff != "" {
		t.Error(diff)
	}
}

func TestStrangeNamesAreLeftAloneAndQuoted(t *testing.T) {
	l := hazard(t)
	l.write(web+"0.log.20261123-000000\n.gz", 4)
	noted(t, l.onlyMonday(), notLog, `0.log.20261123-000000\n.gz"`)
	l = hazard(t)
	l.write("shop_\xff_1/web/"+monday, 4)
	noted(t, l.onlyMonday(), "not the name of a container's log folder", `shop_\xff_1"`)
}

func TestAuditLogsAreLeftAlone(t *testing.T) {
	l := hazard(t)
	pod := "kube-system_kube-apiserver-cp1_0123456789abcdef0123456789abcdef/"
	api := pod + "kube-apiserver/"
	start(t, "append", l.write(api+"audit.log", 4096)).act()
	l.write(api+"audit-2026-11-23T04-01-31.123.log", 4096)
	l.write(api+"audit-2026-11-23T04-01-31.123.log.gz", 4096)
	l.write("kube-apiserver/audit.log", 4096)
	l.write(pod+"shipper/audit.log", 4096)
	// With --audit-log-path=- it is the container's log.
	l.write(api+monday, 4096)
	l.write(api+wednesday, 4096)
	start(t, "append", l.write(api+"0.log", 4096)).act()
	notes := l.onlyMonday()
	noted(t, notes, mayBeAudit, "kube-apiserver-cp1")
	noted(t, notes, notLog, "shipper/audit.log")
}

func TestFilesHeldByAShipperAreLeftAlone(t *testing.T) {
	l := hazard(t)
	l.write(web+tuesday, 4)
	start(t, "hold", l.path(web+tuesday))
	noted(t, l.onlyMonday(), isHeld, tuesday)
}

func TestFilesHeldAreFoundByIdentityNotByName(t *testing.T) {
	l := hazard(t)
	shipper := l.write("name-when-opened", 4)
	start(t, "hold", shipper)
	if err := os.Rename(shipper, l.path(web+tuesday)); err != nil {
		t.Fatal(err)
	}
	noted(t, l.onlyMonday(), isHeld, tuesday)
}

// Only root of the machine may look into a process whose first thread has
// ended. Everybody else cannot tell, and so leaves everything alone.
func TestAProcessWithoutItsFirstThreadIsNotOverlooked(t *testing.T) {
	l := hazard(t)
	l.write(web+tuesday, 4)
	path := l.write(web+"1.log", 2048)
	start(t, "append", path)
	start(t, "headless", l.path(web+tuesday))
	start(t, "headless", path)
	plan, err := LogReclaim{}.Plan(t.Context(), l.node, l.bytes(all))
	if err != nil && strings.HasPrefix(err.Error(), "cannot tell") {
		return
	}
	if diff := cmp.Diff([]string{"remove " + web + monday}, l.effects(plan)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	noted(t, plan.Notes, isHeld, tuesday)
	noted(t, plan.Notes, "without O_APPEND", "1.log")
}

func TestFilesOpenedSinceThePlanAreLeftAlone(t *testing.T) {
	l := hazard(t)
	plan := l.plan(LogReclaim{}, l.bytes(all))
	start(t, "hold", l.path(web+monday))
	removed, notes := l.apply(LogReclaim{}, plan, nil)
	if removed != (headroom.Amount{}) {
		t.Errorf("removed %+v", removed)
	}
	noted(t, notes, isHeld, monday)
}

func TestProcessesThatCannotBeReadForbidEverything(t *testing.T) {
	l := hazard(t)
	start(t, "hidden", "")
	line := launch(t, "plan-without-ptrace", l.root).line()
	for _, want := range []string{"cannot tell who holds files open", "process", "CAP_SYS_PTRACE"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q does not say %q", line, want)
		}
	}
}

func TestNoProcfsForbidsEverything(t *testing.T) {
	l := hazard(t)
	for sentence, proc := range map[string]string{
		"a folder is not procfs": t.TempDir(),
		"nor is nothing":         "/none",
		"nor is an empty flag":   "",
	} {
		l.node.Proc = proc
		if _, err := (LogReclaim{}).Plan(t.Context(), l.node, l.bytes(all)); err == nil || !strings.Contains(err.Error(), "--path.procfs") {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	// A procfs that hides processes hides the first one, too.
	proc := t.TempDir()
	mount(t, "proc", proc, "proc", 0, "hidepid=ptraceable")
	if line := launch(t, "plan-without-ptrace", l.root, proc).line(); !strings.Contains(line, "hidepid") {
		t.Errorf("error is %q", line)
	}
}

func TestProcessesThatCannotBeReadForbidApplying(t *testing.T) {
	l := hazard(t)
	start(t, "append", l.write(web+"1.log", 2048))
	for sentence, plan := range map[string]Plan{
		"removal":    l.plan(LogReclaim{}, l.inodes(all)),
		"truncation": l.plan(with(t, func(s *logSettings) { s.Keep = 2 }), l.bytes(all)),
	} {
		before := l.manifest()
		n := l.node
		n.Proc = "/none"
		notes, err := LogReclaim{}.Apply(t.Context(), n, plan, Run{
			Missing: func(context.Context) (int64, error) { return all, nil },
			Removed: func(Item, headroom.Amount) { t.Errorf("%s happened", sentence) },
		})
		if len(plan.Items) != 1 || err == nil || !strings.Contains(err.Error(), "cannot tell") {
			t.Errorf("%s: %v, %q", sentence, err, notes)
		}
		if diff := cmp.Diff(before, l.manifest()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestNothingIsOpenedButBeneath(t *testing.T) {
	l := hazard(t)
	l.symlink(".", "self")
	l.symlink(monday, web+"link")
	l.write("mounted/x", 4)
	mount(t, l.root, l.path("mounted"), "", unix.MS_BIND, "")
	dir, err := unix.Open(l.root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	for name, want := range map[string]error{
		web + monday:                 nil,
		web + "link":                 unix.ELOOP,
		"self/" + web + monday:       unix.ELOOP,
		"..":                         unix.EXDEV,
		web + "../../..":             unix.EXDEV,
		l.path(web + monday):         unix.EXDEV,
		"mounted/" + web + monday:    unix.EXDEV,
		web + "none":                 unix.ENOENT,
		web + monday + "/beneath":    unix.ENOTDIR,
		"self/../" + web + monday:    unix.ELOOP,
		"mounted/../" + web + "none": unix.EXDEV,
	} {
		fd, err := openBeneath(dir, name, unix.O_RDONLY)
		if err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
}

func TestAKernelWithoutOpenat2ForbidsEverything(t *testing.T) {
	l := hazard(t)
	if line := launch(t, "plan-without-openat2", l.root).line(); line != errNoOpenat2.Error() {
		t.Errorf("error is %q", line)
	}
}

func TestWhatChangedSinceThePlanIsLeftAlone(t *testing.T) {
	outside := newLogs(t)
	outside.write("web/"+monday, 4)
	before := outside.manifest()
	for sentence, tc := range map[string]struct {
		change func(t *testing.T, l logs) error
		note   string // "" is none
	}{
		"another file of the same name": {func(t *testing.T, l logs) error {
			l.write("other", 4)
			return os.Rename(l.path("other"), l.path(web+monday))
		}, hasChanged},
		"a link instead of the file": {func(t *testing.T, l logs) error {
			return errors.Join(os.Remove(l.path(web+monday)), os.Symlink(outside.path("web/"+monday), l.path(web+monday)))
		}, hasChanged},
		"a link to the file itself": {func(t *testing.T, l logs) error {
			return errors.Join(os.Rename(l.path(web+monday), l.path("moved")), os.Symlink(l.path("moved"), l.path(web+monday)))
		}, hasChanged},
		"one more link to the file": {func(t *testing.T, l logs) error {
			return os.Link(l.path(web+monday), l.path("precious"))
		}, hasChanged},
		"a link instead of the container's folder": {func(t *testing.T, l logs) error {
			return errors.Join(os.RemoveAll(l.path(web)), os.Symlink(outside.path("web"), strings.TrimSuffix(l.path(web), "/")))
		}, hasChanged},
		"a link instead of the pod's folder": {func(t *testing.T, l logs) error {
			pod := filepath.Dir(l.path(web))
			return errors.Join(os.Rename(pod, l.path("moved")), os.Symlink(outside.root, pod))
		}, hasChanged},
		"another folder of the same name": {func(t *testing.T, l logs) error {
			err := os.Rename(l.path(web), l.path("moved"))
			l.write(web+monday, 4)
			return err
		}, hasChanged},
		"another folder with the same file": {func(t *testing.T, l logs) error {
			return errors.Join(os.Rename(l.path(web), l.path("moved")), os.Mkdir(l.path(web), 0o755),
				os.Rename(l.path("moved/"+monday), l.path(web+monday)))
		}, hasChanged},
		"a mount over the folder": {func(t *testing.T, l logs) error {
			mount(t, outside.path("web"), l.path(web), "", unix.MS_BIND, "")
			return nil
		}, hasChanged},
		"a mount over the file": {func(t *testing.T, l logs) error {
			mount(t, outside.path("web/"+monday), l.path(web+monday), "", unix.MS_BIND, "")
			return nil
		}, hasChanged},
		"no file any more":   {func(t *testing.T, l logs) error { return os.Remove(l.path(web + monday)) }, ""},
		"no folder any more": {func(t *testing.T, l logs) error { return os.RemoveAll(filepath.Dir(l.path(web))) }, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := hazard(t)
			plan := l.plan(LogReclaim{}, l.bytes(all))
			if err := tc.change(t, l); err != nil {
				t.Fatal(err)
			}
			files := l.names()
			removed, notes := l.apply(LogReclaim{}, plan, nil)
			if removed != (headroom.Amount{}) {
				t.Errorf("removed %+v", removed)
			}
			if diff := cmp.Diff(files, l.names()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, outside.manifest()); diff != "" && sentence != "a mount over the file" {
				t.Error(diff)
			}
			if tc.note != "" {
				noted(t, notes, tc.note, monday)
			} else if len(notes) > 0 {
				t.Errorf("notes are %q", notes)
			}
		})
	}
}

func TestAnotherRootSinceThePlanIsAnError(t *testing.T) {
	l := hazard(t)
	plan := l.plan(LogReclaim{}, l.bytes(all))
	err := os.Rename(l.root, l.root+".old")
	l.write(web+monday, 4)
	_, applied := LogReclaim{}.Apply(t.Context(), l.node, plan, Run{
		Missing: func(context.Context) (int64, error) { return all, nil },
		Removed: func(Item, headroom.Amount) { t.Error("removed something") },
	})
	if err != nil || applied == nil || !strings.Contains(applied.Error(), "another folder") {
		t.Errorf("%v, %v", err, applied)
	}
}
