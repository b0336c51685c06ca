package remedy

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// A journald writes a journal and rotates when it is told to, as the real one
// does; the real one is tried on a booted machine, in lab/machine.
type journald struct {
	path string
	file *os.File
}

func newJournald(path string) (*journald, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	return &journald{path, f}, err
}

// rotate makes an archive of the file that is written, and begins another.
func (d *journald) rotate() error {
	archived := filepath.Join(filepath.Dir(d.path), filepath.Base(archive(9)))
	if err := os.Rename(d.path, archived); err != nil {
		return err
	}
	if err := overwrite(archived, 16, "\x02"); err != nil {
		return err
	}
	d.file.Close()
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	d.file = f
	return err
}

func init() {
	// journald as it was before it spoke varlink.
	roles["journald"] = func(path string) (func() error, error) {
		told := make(chan os.Signal, 1)
		signal.Notify(told, unix.SIGUSR2)
		d, err := newJournald(path)
		go func() {
			for range told {
				if err := d.rotate(); err != nil {
					panic(err)
				}
			}
		}()
		return idle, errors.Join(err, named("systemd-journal"))
	}
	// A program by its name that does not expect the signal.
	roles["deaf"] = func(path string) (func() error, error) {
		signal.Ignore(unix.SIGUSR2)
		_, err := newJournald(path)
		return idle, errors.Join(err, named("systemd-journal"))
	}
}

// named gives this process a name.
func named(name string) error { return os.WriteFile("/proc/self/comm", []byte(name), 0) }

// serve answers one varlink call at a node's socket: with what answer returns.
func (j journals) serve(answer func(call string) string) {
	j.t.Helper()
	listener, err := net.Listen("unix", j.node.JournalSocket)
	if err != nil {
		j.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if call, err := bufio.NewReader(conn).ReadString(0); err == nil {
			conn.Write([]byte(answer(call)))
		}
	}()
	j.t.Cleanup(func() { listener.Close(); <-done })
}

// beingWritten is a journal of which little is archived and much is being written.
func beingWritten(t *testing.T) journals {
	j := newJournals(t)
	j.archive(archive(1), 8)
	j.file(liveJournal, "online", 20<<10)
	return j
}

var (
	rotateFirst = []string{"remove " + archive(1), "rotate the journal, by ", "remove " + liveJournal}
	andThen     = headroom.Amount{Bytes: 20<<20 + 8<<10, Inodes: 2}
)

// rotation plans for all bytes and fails unless that is to rotate.
func (j journals) rotation() Plan {
	j.t.Helper()
	plan := j.plan(vacuum(j.t, 0), j.bytes(all))
	effects := j.effects(plan)
	for i, e := range effects {
		effects[i] = strings.TrimSuffix(e, j.node.JournalSocket)
	}
	if diff := cmp.Diff(rotateFirst, effects); diff != "" {
		j.t.Fatal(diff)
	}
	return plan
}

func TestWhereArchivesDoNotSufficeTheJournalIsRotated(t *testing.T) {
	t.Run("by varlink", func(t *testing.T) {
		j := beingWritten(t)
		d, err := newJournald(j.path(liveJournal))
		if err != nil {
			t.Fatal(err)
		}
		j.serve(func(call string) string {
			if want := `{"method":"io.systemd.Journal.Rotate"}` + "\x00"; call != want {
				t.Errorf("the call is %q, want %q", call, want)
			}
			if err := d.rotate(); err != nil {
				t.Error(err)
			}
			return `{"parameters":{}}` + "\x00"
		})
		if removed, notes := j.apply(vacuum(t, 0), j.rotation()); removed != andThen || len(notes) > 0 {
			t.Errorf("removed %+v, notes %q", removed, notes)
		}
		if diff := cmp.Diff([]string{liveJournal}, j.names()); diff != "" {
			t.Error(diff)
		}
	})
	for sentence, answer := range map[string]string{
		"by a signal where nobody listens":             "",
		"by a signal where that method does not exist": `{"error":"org.varlink.service.MethodNotFound","parameters":{}}` + "\x00",
	} {
		t.Run(sentence, func(t *testing.T) {
			j := beingWritten(t)
			start(t, "journald", j.path(liveJournal))
			if answer != "" {
				j.serve(func(string) string { return answer })
			}
			removed, notes := j.apply(vacuum(t, 0), j.rotation())
			if removed != andThen {
				t.Errorf("removed %+v", removed)
			}
			noted(t, notes, "by a signal")
		})
	}
}

func TestNobodyIsAskedToRotate(t *testing.T) {
	for sentence, arrange := range map[string]func(j journals) Need{
		"for inodes, of which it frees none": func(j journals) Need { return j.inodes(all) },
		"where archives suffice":             func(j journals) Need { return j.bytes(8 << 10) },
		"for a file no larger than a new one": func(j journals) Need {
			j.file(liveJournal, "online", 8<<10)
			return j.bytes(all)
		},
		"for the journal of a namespace": func(j journals) Need {
			if err := os.Rename(j.path(machineID), j.path(machineID+".tenant")); err != nil {
				j.t.Fatal(err)
			}
			return j.bytes(all)
		},
		"for a journal that nobody writes": func(j journals) Need {
			j.file(liveJournal+"2", "online", 4)
			if err := os.Rename(j.path(liveJournal+"2"), j.path(liveJournal)); err != nil {
				j.t.Fatal(err)
			}
			return j.bytes(all)
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			j := beingWritten(t)
			if _, err := newJournald(j.path(liveJournal)); err != nil {
				t.Fatal(err)
			}
			need := arrange(j)
			if plan := j.plan(vacuum(t, 0), need); len(plan.Items) != 1 || plan.Items[0].Does != Remove {
				t.Errorf("plans %q", j.effects(plan))
			}
		})
	}
	t.Run("where the policy says so", func(t *testing.T) {
		j := beingWritten(t)
		if _, err := newJournald(j.path(liveJournal)); err != nil {
			t.Fatal(err)
		}
		r := JournalVacuum{&journalSettings{}}
		if plan := j.plan(r, j.bytes(all)); len(plan.Items) != 1 {
			t.Errorf("plans %q", j.effects(plan))
		}
	})
}

// What the newest archive has been is kept no more once there is a newer one.
func TestARotationMakesTheLastArchiveOneOfMany(t *testing.T) {
	j := newJournals(t)
	j.archive(archive(1), 40<<10)
	j.file(liveJournal, "online", 20<<10)
	d, err := newJournald(j.path(liveJournal))
	if err != nil {
		t.Fatal(err)
	}
	defer d.file.Close()
	plan := j.plan(JournalVacuum{}, j.bytes(all))
	effects := j.effects(plan)
	if len(effects) != 2 || plan.Items[0].Does != Rotate || effects[1] != "remove "+archive(1) {
		t.Errorf("plans %q", effects)
	}
}

func TestJournaldIsNotAskedToRotateADiskWithoutRoom(t *testing.T) {
	for sentence, tc := range map[string]struct {
		size string
		fill func(j journals)
	}{
		"no room for new files": {"size=64m", func(j journals) { j.write("filler", 24<<10) }},
		"no inodes for new files": {"size=640m,nr_inodes=20", func(j journals) {
			for _, name := range strings.Fields("a b c d e f g h") {
				j.write(name, 4)
			}
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			j := newJournals(t)
			j.node.JournalSocket = "/scratch/no-socket"
			mount(t, "tmpfs", j.root, "tmpfs", 0, tc.size)
			j.archive(archive(1), 8)
			j.file(liveJournal, "online", 20<<10)
			tc.fill(j)
			a := start(t, "journald", j.path(liveJournal))
			removed, notes := j.apply(vacuum(t, 0), j.rotation())
			if removed.Inodes != 1 {
				t.Errorf("removed %+v", removed)
			}
			noted(t, notes, "not asked to rotate", "log nothing")
			if !j.left()["system.journal"] {
				t.Error("the journal is gone")
			}
			a.stop() // before its disk is
		})
	}
}

func TestOnlyJournaldGetsTheSignal(t *testing.T) {
	for _, role := range []string{"plain-both", "deaf"} {
		j := beingWritten(t)
		a := start(t, role, j.path(liveJournal))
		_, err := vacuum(t, 0).Apply(t.Context(), j.node, j.rotation(), Run{
			Missing: func(context.Context) (int64, error) { return all, nil },
			Removed: func(Item, headroom.Amount) {},
		})
		if err == nil || !strings.Contains(err.Error(), "not asked to rotate") {
			t.Errorf("%s: error is %v", role, err)
		}
		a.act() // it lives
		if !j.left()["system.journal"] {
			t.Error("the journal is gone")
		}
	}
}

func TestARotationThatFailsRemovesNothing(t *testing.T) {
	for sentence, tc := range map[string]struct{ answer, want string }{
		"it is refused":          {`{"error":"org.varlink.service.PermissionDenied"}` + "\x00", "PermissionDenied"},
		"the answer is no JSON":  {"yes\x00", "its answer"},
		"the answer has no end":  {`{"parameters":{}}`, "its answer"},
		"the answer never ends":  {strings.Repeat("x", maxVarlink+1), "its answer"},
		"there is no answer":     {"", "its answer"},
		"an error's name prints": {`{"error":"a\u001b[31m"}` + "\x00", `\x1b`},
	} {
		t.Run(sentence, func(t *testing.T) {
			j := beingWritten(t)
			d, err := newJournald(j.path(liveJournal))
			if err != nil {
				t.Fatal(err)
			}
			defer d.file.Close()
			j.serve(func(string) string { return tc.answer })
			removed := 0
			_, err = vacuum(t, 0).Apply(t.Context(), j.node, j.rotation(), Run{
				Missing: func(context.Context) (int64, error) { return all, nil },
				Removed: func(Item, headroom.Amount) { removed++ },
			})
			if err == nil || !strings.Contains(err.Error(), tc.want) || removed != 1 {
				t.Errorf("removed %d, error is %v, want %q", removed, err, tc.want)
			}
		})
	}
}

func TestVarlinkIsSpokenWithRootOnly(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	path := t.TempDir() + "/socket"
	become := func(uid int) error {
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0))
		if errno != 0 {
			return errno
		}
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	strange := become(1) // impossible where only root is mapped
	err = unix.Listen(fd, 1)
	if back := become(0); err != nil || strange == nil && back != nil {
		t.Fatal(err, back)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := ofRoot(conn.(*net.UnixConn)); (err != nil) != (strange == nil) {
		t.Errorf("error is %v; another user listens there: %t", err, strange == nil)
	}
}

func TestWhoTakesTheSignal(t *testing.T) {
	for status, want := range map[string]bool{
		"Uid:\t0\t0\t0\t0\nSigBlk:\t0000000000004a02\nSigCgt:\t0000000100000040\n": true,
		"Uid:\t0\t0\t0\t0\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000000800\n": true,
		"Uid:\t0\t0\t0\t0\nSigBlk:\t0000000000000200\nSigCgt:\t0000000000000000\n": false,
		"Uid:\t1\t0\t0\t0\nSigBlk:\t0000000000004a02\n":                            false,
		"SigBlk:\t0000000000004a02\n":                                              false,
		"Uid:\t0\t0\t0\t0\nSigBlk:\t-1\n":                                          false,
		"":                                                                         false,
	} {
		if got := takesRotation([]byte(status)); got != want {
			t.Errorf("%q takes it: %t", status, got)
		}
	}
}
