package remediator

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// Of such a disk, 20 % of the inodes and 25 % of the bytes are the targets.
const (
	smallDisk   = 192 * mebi
	smallInodes = 4000
)

// One disk holds everything there is: logs, ballast, journal, audit list and
// control socket. Nothing of it has a byte or an inode left when the alert comes,
// and whatever is freed first is taken at once by those who filled it.
func TestAFullDiskHasRoomAgain(t *testing.T) {
	for sentence, tc := range map[string]struct {
		signal headroom.Signal
		logs   int
		size   int   // of each, in bytes
		more   int64 // may be taken of what was freed, in the signal's unit
	}{
		"of bytes":  {headroom.NodeFSAvailable, 28, 3 * mebi, 16 * mebi},
		"of inodes": {headroom.NodeFSInodesFree, 1400, 4096, 300},
	} {
		t.Run(sentence, func(t *testing.T) {
			m := oneDisk(t)
			at := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
			var newest string
			for i := range tc.logs {
				newest = m.log("app", "0.log."+at.Add(time.Duration(i)*time.Second).Format("20060102-150405"), tc.size)
			}
			p := m.start("--no-dry-run")
			ballast := m.setAside()
			f := newFillers(m.disk, tc.signal.Unit())
			f.fill(t)

			// It starts there, too, and takes orders.
			p.stop()
			p = m.start("--no-dry-run")
			for _, order := range []string{"pause", "resume"} {
				if out, errs, status := m.command(order); status != 0 {
					t.Errorf("%s: status %d\n%s%s", order, status, out, errs)
				}
			}

			f.fill(t)
			f.goOn(t, tc.more)
			if n, err := f.take(1); n != 0 || err == nil {
				t.Fatalf("a full disk had room for %d, %v", n, err)
			}
			if got := p.post(alerts(tc.signal)); got != http.StatusAccepted {
				t.Fatalf("webhook answered %d:\n%s", got, p.stderr)
			}
			ep := m.over(tc.signal)
			if f.stop() == 0 {
				t.Error("nobody took anything of what was freed")
			}
			if ep.Outcome != headroom.Succeeded || ep.After == nil || ep.After.Missing(ep.Target) > 0 {
				t.Errorf("episode %s: %s, %+v", ep.Outcome, ep.Detail, ep.After)
			}
			if !exists(newest)[0] {
				t.Error("the newest log is gone, too")
			}
			by := removedBy(ep)
			if got := by["ballast"].In(tc.signal.Unit()) > 0; got != ballast || by["log-reclaim"].In(tc.signal.Unit()) == 0 {
				t.Errorf("ballast was set aside: %t; removed %+v", ballast, by)
			}
			m.accounted(p, by["ballast"].Inodes+by["log-reclaim"].Inodes)
		})
	}
}

// oneDisk makes a machine whose state is on its small disk. Where that can be an
// ext4 it is mounted in a place that ballast may be put into, and the ladder begins
// with it; elsewhere there is a tmpfs, and ballast is none of the claim.
func oneDisk(t *testing.T) *machine {
	t.Helper()
	ladder := "[{remedy: log-reclaim, keep: 1}]"
	disk, ok := nodetest.Disk(t, "ext4", smallDisk, "-q", "-m", "0", "-N", strconv.Itoa(smallInodes))
	if ok {
		const place = "/mnt" // every Linux has it; in this namespace it is ours
		if err := unix.Mount(disk, place, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(place, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		disk = place
		ladder = "[{remedy: ballast, path: " + place + "/ballast, size: 128Mi, inodes: 200}, {remedy: log-reclaim, keep: 1}]"
	} else {
		disk = nodetest.Tmpfs(t, smallDisk, smallInodes)
	}
	m := machineOn(t, disk, filepath.Join(disk, "state"))
	m.write("policy.yaml", `
cases:
  - match: ['signal=~"nodefs[.](available|inodesFree)"']
    start: 5%
    target: 15%
    ladder: `+ladder+"\n", 0o644)
	return m
}

// setAside waits until the program has made its first ballast, if the policy has
// any: a piece, and the first hundred of the inodes.
func (m *machine) setAside() (ok bool) {
	m.t.Helper()
	policy, err := os.ReadFile(m.path("policy.yaml"))
	if err != nil {
		m.t.Fatal(err)
	}
	if !strings.Contains(string(policy), "ballast") {
		return false
	}
	ballast := filepath.Join(m.disk, "ballast")
	until(m.t, "ballast is set aside", func() string { return ballast }, func() bool {
		return slices.Equal(exists(ballast+"/piece-00", ballast+"/inodes/spare-00099"), []bool{true, true})
	})
	return true
}

// accounted checks that what was removed is on the audit list, line by line, but
// for what the program says it has lost.
func (m *machine) accounted(p *program, removed int64) {
	m.t.Helper()
	_, metrics := p.get("/metrics")
	found := regexp.MustCompile(`(?m)^headroom_remediation_audit_lost_total (\S+)$`).FindStringSubmatch(metrics)
	if found == nil {
		m.t.Fatal("it does not say what the audit list has lost")
	}
	lost, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		m.t.Fatal(err)
	}
	audit, err := os.ReadFile(m.path("audit.log"))
	if err != nil {
		m.t.Fatal(err)
	}
	lines := int64(bytes.Count(audit, []byte("\n")))
	m.t.Logf("%d files were removed; %d are on the list, %.0f lost", removed, lines, lost)
	if lines+int64(lost) != removed {
		m.t.Errorf("%d files were removed; %d are on the audit list and %.0f are said to be lost", removed, lines, lost)
	}
	if !strings.Contains(metrics, "headroom_remediation_journal_in_memory 0\n") {
		m.t.Error("the journal is in memory")
	}
}

// removedBy adds up an episode's rungs by remedy.
func removedBy(ep headroom.Episode) map[string]headroom.Amount {
	all := make(map[string]headroom.Amount)
	for _, r := range ep.Rungs {
		if r.Removed != nil {
			all[r.Remedy] = all[r.Remedy].Add(*r.Removed)
		}
	}
	return all
}
