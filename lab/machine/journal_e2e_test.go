//go:build e2e

package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
)

// A journal is a machine's, on a small disk of its own.
type journal struct {
	t    *testing.T
	m    *Machine
	path string // seen from here
}

// withJournal boots a machine that keeps its journal in files of 32 MiB, and has
// the command vacuum.
func withJournal(t *testing.T) *journal {
	t.Helper()
	m := New(t)
	m.disk(t, "/var/log/journal")
	for _, name := range []string{"journald", "journald@tenant"} {
		m.Write(t, "/etc/systemd/"+name+".conf", []byte("[Journal]\nStorage=persistent\nSystemMaxUse=200M\nSystemMaxFileSize=32M\nRateLimitBurst=0\n"), 0o644)
	}
	m.Write(t, "/etc/systemd/system/tenant.service", []byte("[Service]\nType=oneshot\nLogNamespace=tenant\nExecStart=/bin/sh -c 'head -c 45M /dev/urandom | base64 -w 400'\n"), 0o644)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(m.Root, "usr/local/bin/vacuum"), "./vacuum")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	m.Boot(t)
	return &journal{t, m, filepath.Join(m.Root, "var/log/journal")}
}

// fresh leaves the journal with one file, of which little is used.
func (j *journal) fresh(t *testing.T) {
	t.Helper()
	j.t = t
	for range 2 { // journald closes with a rotation what the last one has left open
		j.m.Run(t, "journalctl", "--rotate", "--vacuum-size=1", "--vacuum-files=1")
	}
}

// log makes the machine log that many KiB that cannot be compressed.
func (j *journal) log(kib int) {
	j.t.Helper()
	j.m.Run(j.t, "sh", "-c", fmt.Sprintf("head -c %d /dev/urandom | base64 -w 400 | systemd-cat", kib<<10*3/4))
	j.m.Run(j.t, "journalctl", "--sync")
}

// reads fails unless what is logged now can be read.
func (j *journal) reads(word string) {
	j.t.Helper()
	j.m.Run(j.t, "logger", "the word is "+word)
	err := cluster.Wait(j.t.Context(), "the journal to be readable", func(ctx context.Context) error {
		out, err := j.m.Command(ctx, "journalctl", "--no-pager", "--output=cat", "--lines=20").Output()
		if err == nil && !strings.Contains(string(out), "the word is "+word) {
			err = fmt.Errorf("it ends with %q", out[max(0, len(out)-200):])
		}
		return err
	})
	if err != nil {
		j.t.Error(err)
	}
}

// files lists the journal's files with their inodes: archives, and others.
func (j *journal) files() (archives, others map[string]uint64) {
	j.t.Helper()
	archives, others = make(map[string]uint64), make(map[string]uint64)
	paths, err := filepath.Glob(j.path + "/*/*")
	if err != nil {
		j.t.Fatal(err)
	}
	for _, path := range paths {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			j.t.Fatal(err)
		}
		if name := filepath.Base(path); strings.Contains(name, "@") {
			archives[name] = st.Ino
		} else {
			others[name] = st.Ino
		}
	}
	return archives, others
}

func (j *journal) space() disk.Space {
	j.t.Helper()
	s, err := disk.Stat(j.path)
	if err != nil {
		j.t.Fatal(err)
	}
	return s
}

// A report is what the command vacuum says.
type report struct {
	Plan    []string
	Notes   []string
	Removed headroom.Amount
}

func (r report) notes() string { return strings.Join(r.Notes, "\n") }

// fill takes what the disk has left. journald goes on writing for a moment after
// it was asked for what it has: until that is over the disk does not hold still.
// Whatever becomes of the test, the disk is not left full.
func (j *journal) fill(t *testing.T) *disk.Filler {
	t.Helper()
	filler := &disk.Filler{Dir: j.path + "/filler"}
	t.Cleanup(func() { filler.Release() })
	err := cluster.Wait(t.Context(), "the disk to be full", func(context.Context) error {
		err := filler.Leave(0)
		if err != nil {
			filler.Release()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return filler
}

// vacuum runs the command vacuum until as much as there may ever be is available.
func (j *journal) vacuum(keys string, flags ...string) (r report) {
	j.t.Helper()
	const everything = "1000000000000"
	out := j.m.Run(j.t, "/usr/local/bin/vacuum", append(flags, keys, everything)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		j.t.Fatalf("%v: %s", err, out)
	}
	j.t.Logf("%+v", r)
	return r
}

// The hazards of journald: that nothing is freed, that what is written is removed,
// and that it logs no more.
func TestHazardJournaldNothingFreedActiveFileWedged(t *testing.T) {
	j := withJournal(t)
	for way, flags := range map[string][]string{"by varlink": nil, "by signal": {"-socket=/run/no"}} {
		t.Run("0B freed "+way, func(t *testing.T) {
			j.fresh(t)
			j.log(10 << 10)
			if said := j.m.Run(t, "journalctl", "--vacuum-size=1"); !strings.Contains(said, "freed 0B") {
				t.Errorf("journalctl would have done: %s", said)
			}
			_, was := j.files()
			before := j.space().Available
			r := j.vacuum("{keep: 0}", flags...)
			if _, is := j.files(); is["system.journal"] == was["system.journal"] || r.Removed.Inodes != 1 {
				t.Errorf("removed %+v; the active file was %v, is %v", r.Removed, was, is)
			}
			if after := j.space().Available; after < before+1<<20 {
				t.Errorf("%d bytes are available, before it were %d", after, before)
			}
			if strings.Contains(r.notes(), "by a signal") != (flags != nil) {
				t.Errorf("notes are %q", r.Notes)
			}
			j.reads("rotated-" + strings.ReplaceAll(way, " ", "-"))
		})
	}
	t.Run("active file", func(t *testing.T) {
		j.fresh(t)
		j.log(60 << 10)
		archives, active := j.files()
		if len(archives) < 3 {
			t.Fatalf("archives are %v", archives)
		}
		j.vacuum("{rotate: false, keep: 1}")
		left, still := j.files()
		if len(left) == 0 || len(left) == len(archives) || still["system.journal"] != active["system.journal"] {
			t.Errorf("left are %v and %v of %v and %v", left, still, archives, active)
		}
		for name := range archives {
			for kept := range left {
				if left[name] == 0 && name > kept { // numbers of one sequence
					t.Errorf("%s went, and was newer than %s, which is kept", name, kept)
				}
			}
		}
		j.reads("active")
	})
	for sentence, archived := range map[string]bool{"journald wedged": false, "journald wedged, with archives": true} {
		t.Run(sentence, func(t *testing.T) {
			j.fresh(t)
			j.log(10 << 10)
			if archived {
				j.log(50 << 10)
			}
			filler := j.fill(t)
			_, was := j.files()
			// There is no room for a rotation; and where journald has begun a file by
			// itself when the disk became full, there is nothing to gain by one either.
			r := j.vacuum("{keep: 0}")
			if _, is := j.files(); !archived && (is["system.journal"] != was["system.journal"] || !strings.Contains(r.notes(), "not asked to rotate") && !strings.Contains(r.notes(), "a rotation would free")) {
				t.Errorf("notes are %q; the active file was %v, is %v", r.Notes, was, is)
			}
			if archived != (r.Removed.Inodes > 0) {
				t.Errorf("removed %+v", r.Removed)
			}
			j.reads("full")
			if err := filler.Release(); err != nil {
				t.Fatal(err)
			}
			j.reads("room")
		})
	}
	t.Run("a file set aside after a crash", func(t *testing.T) {
		j.fresh(t)
		j.m.Run(t, "systemctl", "kill", "--signal=KILL", "systemd-journald")
		j.reads("restarted")
		archives, _ := j.files()
		aside := 0
		for name := range archives {
			if strings.HasSuffix(name, "~") {
				aside++
			}
		}
		j.vacuum("{rotate: false, keep: 0}")
		if left, _ := j.files(); aside != 1 || len(left) > 0 {
			t.Errorf("left are %v of %v", left, archives)
		}
		j.reads("aside")
	})
	t.Run("readers", func(t *testing.T) {
		j.fresh(t)
		j.log(60 << 10)
		j.m.Run(t, "systemd-run", "--unit=follower", "--property=StandardOutput=null", "journalctl", "--follow", "--lines=all")
		defer j.m.Run(t, "systemctl", "stop", "follower")
		err := cluster.Wait(t.Context(), "journalctl to open the archives", func(context.Context) error {
			if r := j.vacuum("{rotate: false, keep: 0}", "-plan"); !strings.Contains(r.notes(), "are held open") {
				return fmt.Errorf("notes are %q", r.Notes)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		before := j.space().Available
		r := j.vacuum("{rotate: false, keep: 0}")
		err = cluster.Wait(t.Context(), "the reader to close what is gone", func(context.Context) error {
			if back := j.space().Available - before; r.Removed.Bytes < 32<<20 || back < r.Removed.Bytes*8/10 {
				return fmt.Errorf("removed %+v, and %d bytes are back", r.Removed, back)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		j.reads("followed")
		if state := j.m.Run(t, "systemctl", "is-active", "follower"); strings.TrimSpace(state) != "active" {
			t.Errorf("the reader is %s", state)
		}
	})
	t.Run("the journal of a namespace", func(t *testing.T) {
		j.fresh(t)
		j.m.Run(t, "systemctl", "start", "tenant")
		if found, err := filepath.Glob(j.path + "/*.tenant/system@*.journal"); err != nil || len(found) < 2 {
			t.Fatalf("its archives are %q: %v", found, err)
		}
		if r := j.vacuum("{rotate: false, keep: 0}"); r.Removed.Bytes < 32<<20 {
			t.Errorf("removed %+v", r.Removed)
		}
		if out := j.m.Run(t, "journalctl", "--namespace=tenant", "--no-pager", "--lines=1"); strings.Contains(out, "No entries") {
			t.Error(out)
		}
	})
}
