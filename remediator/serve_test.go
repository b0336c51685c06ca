package remediator

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
)

func TestAnAlertMakesRoom(t *testing.T) {
	m := newMachine(t)
	rotated := m.full()
	p := m.start("--no-dry-run")
	if !strings.Contains(p.stderr.String(), "not the machine's PID namespace") { // as this test is not
		t.Errorf("it does not say that it cannot see all processes:\n%s", p.stderr)
	}
	if got := p.post(alerts(headroom.NodeFSAvailable)); got != http.StatusAccepted {
		t.Fatalf("webhook answered %d", got)
	}
	ep := m.over(headroom.NodeFSAvailable)
	if ep.Outcome != headroom.Succeeded || len(ep.Rungs) != 1 {
		t.Fatalf("episode %s with rungs %+v", ep.Outcome, ep.Rungs)
	}
	// 3 MiB of 64 were left; 10 % and 15 % of 64 are 16 MiB, so 13 are missing:
	// three logs, and not the newest.
	if diff := cmp.Diff([]bool{true, true, true}, exists(rotated[4], filepath.Join(m.disk, "data"), m.disk)); diff != "" {
		t.Errorf("something was removed that must stay (-want +got):\n%s", diff)
	}
	r := ep.Rungs[0]
	if want := (headroom.Amount{Bytes: 15 * mebi, Inodes: 3}); *r.Removed != want {
		t.Errorf("removed %+v, want %+v", *r.Removed, want)
	}
	if observed := r.After.Available - r.Before.Available; observed != 15*mebi {
		t.Errorf("observed %d", observed)
	}
	audit, err := os.ReadFile(m.path("audit.log"))
	if err != nil || strings.Count(string(audit), "\n") != 3 || !strings.Contains(string(audit), `"did":"remove"`) {
		t.Errorf("audit list %q, %v", audit, err)
	}
	code, metrics := p.get("/metrics")
	for _, want := range []string{
		`headroom_remediation_removed_bytes_total{node="node-1",remedy="log-reclaim",signal="nodefs.available"} 1.572864e+07`,
		`headroom_remediation_alerts_total{outcome="accepted"} 1`,
		`headroom_remediation_episodes_total{node="node-1",outcome="Succeeded",signal="nodefs.available"} 1`,
		`headroom_remediation_dry_run 0`,
		`headroom_remediation_journal_in_memory 0`,
	} {
		if code != http.StatusOK || !strings.Contains(metrics, want+"\n") {
			t.Errorf("metrics (%d) have no line %q", code, want)
		}
	}
	if status := p.stop(); status != 0 {
		t.Errorf("stopped with status %d:\n%s", status, p.stderr)
	}
}

func TestWhatANotificationLeavesOutMakesRoom(t *testing.T) {
	m := newMachine(t)
	m.full()
	am := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `[{"labels":{"alertname":"HeadroomLow","node":"node-1","signal":"nodefs.available","stage":"before"},
			"startsAt":"2026-01-02T03:04:05.000Z","fingerprint":"0123456789abcdef","status":{"state":"active"}}]`)
	}))
	defer am.Close()
	p := m.start("--no-dry-run", "--alertmanager.url="+am.URL)
	body := strings.ReplaceAll(alerts(headroom.NodeFSAvailable), "node-1", "node-2")
	if got := p.post(strings.Replace(body, `"truncatedAlerts":0`, `"truncatedAlerts":1`, 1)); got != http.StatusAccepted {
		t.Fatalf("webhook answered %d", got)
	}
	if ep := m.over(headroom.NodeFSAvailable); ep.Outcome != headroom.Succeeded {
		t.Errorf("episode %s: %s", ep.Outcome, ep.Detail)
	}
}

func TestOneDiskIsOnePieceOfWork(t *testing.T) {
	m := newMachine(t)
	m.full()
	p := m.start("--no-dry-run")
	p.post(alerts(headroom.NodeFSAvailable, headroom.ImageFSAvailable))
	// imagefs has the higher threshold and leads.
	if ep := m.over(headroom.ImageFSAvailable); ep.Outcome != headroom.Succeeded {
		t.Errorf("imagefs: %s %s", ep.Outcome, ep.Detail)
	}
	if ep := m.over(headroom.NodeFSAvailable); ep.Outcome != headroom.NotNeeded {
		t.Errorf("nodefs: %s %s", ep.Outcome, ep.Detail)
	}
}

func TestDryRunIsTheDefaultAndRemovesNothing(t *testing.T) {
	m := newMachine(t)
	rotated := m.full()
	p := m.start()
	p.post(alerts(headroom.NodeFSAvailable))
	ep := m.over(headroom.NodeFSAvailable)
	if ep.Outcome != headroom.Planned || ep.Rungs[0].Planned.Inodes != 3 {
		t.Errorf("episode %s, rungs %+v", ep.Outcome, ep.Rungs)
	}
	if diff := cmp.Diff([]bool{true, true, true, true, true}, exists(rotated...)); diff != "" {
		t.Errorf("a dry run removed something:\n%s", diff)
	}
}

func TestARestartGoesOn(t *testing.T) {
	m := newMachine(t)
	m.full()
	p := m.start("--no-dry-run")
	p.post(alerts(headroom.NodeFSAvailable))
	m.over(headroom.NodeFSAvailable)
	p.stop()
	p = m.start("--no-dry-run")
	for range 100 {
		if got := p.post(alerts(headroom.NodeFSAvailable)); got != http.StatusAccepted {
			t.Fatalf("webhook answered %d", got)
		}
	}
	p.stop()
	for _, c := range m.list() {
		if len(c.Episodes) != 1 {
			t.Errorf("%s has %d episodes, want the one from before the restart", c.Signal, len(c.Episodes))
		}
	}
}

func TestWithoutAuthenticationItServesLoopbackAndPlansOnly(t *testing.T) {
	m := newMachine(t)
	m.full()
	p := m.start("--webhook.token-file=")
	if !strings.Contains(p.stderr.String(), "No authentication is configured: serving on loopback only, dry run only") {
		t.Errorf("it does not say so:\n%s", p.stderr)
	}
	p.token = ""
	if got := p.post(alerts(headroom.NodeFSAvailable)); got != http.StatusAccepted {
		t.Errorf("webhook answered %d", got)
	}
	if ep := m.over(headroom.NodeFSAvailable); ep.Outcome != headroom.Planned {
		t.Errorf("episode %s", ep.Outcome)
	}
}

func TestWrongCredentialsAreRefused(t *testing.T) {
	m := newMachine(t)
	p := m.start()
	for _, token := range []string{"", "wrong"} {
		p.token = token
		if got := p.post(alerts(headroom.NodeFSAvailable)); got != http.StatusUnauthorized {
			t.Errorf("token %q: webhook answered %d", token, got)
		}
	}
	if cases := m.list(); len(cases) != 0 {
		t.Errorf("it left %+v", cases)
	}
}

func TestTheLandingPageLinksToWhatIsServed(t *testing.T) {
	p := newMachine(t).start()
	_, page := p.get("/")
	links := regexp.MustCompile(`href="(/[^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 2 {
		t.Errorf("%d links on %s", len(links), page)
	}
	for _, link := range links {
		if code, _ := p.get(link[1]); code != http.StatusOK {
			t.Errorf("%s answers %d", link[1], code)
		}
	}
}

func TestTheControlSocketIsThereWhileItRuns(t *testing.T) {
	m := newMachine(t)
	p := m.start()
	info, err := os.Lstat(m.path("socket"))
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info, err)
	}
	p.stop()
	if exists(m.path("socket"))[0] {
		t.Error("stopped, it leaves the socket behind")
	}
	p = m.start("--control.socket=")
	if exists(m.path("socket"))[0] {
		t.Error("told to serve none, it makes one")
	}
	if status := p.stop(); status != 0 {
		t.Errorf("stopped with status %d:\n%s", status, p.stderr)
	}
}

// What cannot start says why, in one line that names the field and the value.
func TestRefusesToStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cases := map[string]struct {
		prepare func(m *machine) []string
		want    []string
	}{
		"a port in use": {
			func(*machine) []string { return []string{"--web.listen-address=" + taken.Addr().String()} },
			[]string{taken.Addr().String(), "address already in use"},
		},
		"an address for everybody without authentication": {
			func(*machine) []string { return []string{"--webhook.token-file=", "--web.listen-address=0.0.0.0:0"} },
			[]string{"--web.listen-address=0.0.0.0:0", "loopback only", "--webhook.token-file"},
		},
		"acting without authentication": {
			func(*machine) []string { return []string{"--webhook.token-file=", "--no-dry-run"} },
			[]string{"--no-dry-run", "without authentication", "--webhook.token-file"},
		},
		"a token file that is missing": {
			func(m *machine) []string { return []string{"--webhook.token-file=" + m.path("nowhere")} },
			[]string{"nowhere", "no such file"},
		},
		"a token file that is empty": {
			func(m *machine) []string { return []string{"--webhook.token-file=" + m.write("empty", "\n", 0o600)} },
			[]string{"empty"},
		},
		"a token file that all can read": {
			func(m *machine) []string {
				return []string{"--webhook.token-file=" + m.write("open", "token\n", 0o644)}
			},
			[]string{"open", "chmod"},
		},
		"two kinds of authentication": {
			func(m *machine) []string {
				return []string{"--web.config.file=" + m.write("web.yml", "basic_auth_users:\n  am: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n", 0o600)}
			},
			[]string{"basic_auth_users", "bearer token", "web.yml"},
		},
		"a rate limit, whose 429 loses alerts": {
			func(m *machine) []string {
				return []string{"--webhook.token-file=", "--web.config.file=" + m.write("web.yml", "rate_limit:\n  interval: 1s\n  burst: 20\n", 0o600)}
			},
			[]string{"rate_limit", "429"},
		},
		"a policy with an unknown key": {
			func(m *machine) []string {
				return []string{"--policy.file=" + m.write("bad.yaml", "cooldwn: 10m\n", 0o644)}
			},
			[]string{"bad.yaml:1", "cooldwn"},
		},
		"a node name that no label can have": {
			func(*machine) []string { return []string{"--node.name=node-\xff"} },
			[]string{"--node.name", `"node-\xff"`, "printable"},
		},
		"a node name of two lines": {
			func(*machine) []string { return []string{"--node.name=node-1\nnode-2"} },
			[]string{"--node.name", `"node-1\nnode-2"`, "printable"},
		},
		"a journal that another process has": {
			func(m *machine) []string { m.start(); return nil },
			[]string{"journal", "in use by another process"},
		},
		"a control socket that another process serves": {
			func(m *machine) []string { m.start(); return []string{"--journal.file=" + m.path("journal2")} },
			[]string{"--control.socket", "socket: in use by process "},
		},
		"a control socket where others could put one": {
			func(m *machine) []string {
				if err := os.Chmod(m.state, 0o777); err != nil {
					m.t.Fatal(err)
				}
				return []string{"--journal.file=" + filepath.Join(m.disk, "journal")}
			},
			[]string{"--control.socket", "chmod 0700"},
		},
		"no policy": {
			func(m *machine) []string { return []string{"--policy.file=" + m.path("nowhere.yaml")} },
			[]string{"nowhere.yaml", "no such file"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			_, stderr, status := m.command(c.prepare(m)...)
			if status == 0 {
				t.Error("it started")
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			last := lines[len(lines)-1]
			for _, want := range c.want {
				if !strings.Contains(last, want) {
					t.Errorf("%q does not say %q", last, want)
				}
			}
		})
	}
}
