package remediator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// A process is the program as a user starts it, so that it can be killed.
type process struct {
	*program
	cmd *exec.Cmd
}

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "headroom-remediator")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/headroom-remediator").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// nothingOnPath is an environment in which no program is found by its name.
var nothingOnPath = append(os.Environ(), "PATH=/nonexistent")

// spawn starts the program, with nothing on its PATH, and waits until it listens.
func (m *machine) spawn(binary string) *process {
	m.t.Helper()
	p := &process{
		program: &program{machine: m, token: "a-long-and-secret-token", stderr: &output{}},
		cmd:     exec.Command(binary, m.args("--no-dry-run")...),
	}
	p.cmd.Stderr, p.cmd.Env = p.stderr, nothingOnPath
	if err := p.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { p.end(syscall.SIGKILL) })
	p.listens()
	return p
}

// end sends a signal and waits until the program is gone. It returns its exit
// status, -1 after a kill.
func (p *process) end(with os.Signal) int {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Signal(with)
		p.cmd.Wait()
	}
	return p.cmd.ProcessState.ExitCode()
}

// offer posts a body and reports whether it was accepted; the program may be
// killed meanwhile.
func (p *process) offer(body string) bool {
	r, err := http.NewRequest(http.MethodPost, p.url+"/api/v1/alerts", strings.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusAccepted
}

// unfinished is the rung that is on record without an outcome, by the moment at
// which it began.
func (m *machine) unfinished() (began time.Time, ok bool) {
	m.t.Helper()
	for _, c := range m.list() {
		if ep := c.Open(); ep != nil && len(ep.Rungs) > 0 && ep.Rungs[len(ep.Rungs)-1].Outcome == "" {
			return ep.Rungs[len(ep.Rungs)-1].Started.UTC(), true
		}
	}
	return time.Time{}, false
}

// applying waits until another rung than those is being applied.
func (m *machine) applying(but map[time.Time]bool) {
	m.t.Helper()
	state := func() string { out, errs, _ := m.command("list"); return out + errs }
	until(m.t, "a rung is being applied", state, func() bool {
		began, ok := m.unfinished()
		return ok && !but[began]
	})
}

const rotatedLogs = 30_000

// crowded makes a machine whose disk is full of so many small logs that a rung
// takes a while.
func crowded(t *testing.T) *machine {
	m := newMachine(t)
	m.disk = nodetest.Tmpfs(t, 160*mebi, 40_000)
	if err := os.WriteFile(filepath.Join(m.disk, "data"), make([]byte, 37*mebi), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	for i := range rotatedLogs {
		m.log("app", "0.log."+at.Add(time.Duration(i)*time.Second).Format("20060102-150405"), 4096)
	}
	m.write("policy.yaml", `
cases:
  - match: ['signal="nodefs.available"']
    start: 5%
    target: 60%
    ladder: [{remedy: log-reclaim, truncate: false}]
`, 0o644)
	return m
}

// once checks that one episode reached its target with as much as that took.
func (m *machine) once(ep headroom.Episode) {
	m.t.Helper()
	cases := m.list()
	if len(cases) != 1 || len(cases[0].Episodes) != 1 {
		m.t.Errorf("%d cases, want one with one episode: %+v", len(cases), cases)
	}
	if ep.Outcome != headroom.Succeeded || ep.After == nil {
		m.t.Fatalf("the episode is %s: %s", ep.Outcome, ep.Detail)
	}
	if more := -ep.After.Missing(ep.Target); more < 0 || more > mebi {
		m.t.Errorf("%d bytes more than the target were made free", more)
	}
}

// However often the program is killed and however often the alert comes: one
// episode, whose effects are what reached the target and no more, and every rung
// that was cut short says so.
func TestHazardControlLoopDuplicatesRetriesRestart(t *testing.T) {
	binary := build(t)
	m := crowded(t)
	group := alerts(headroom.NodeFSAvailable)

	p := m.spawn(binary)
	if !p.offer(group) {
		t.Fatal("the first alert was not accepted")
	}
	cut := make(map[time.Time]bool) // rungs that were
	kill := func() {
		p.end(syscall.SIGKILL)
		if began, ok := m.unfinished(); ok {
			cut[began] = true
		}
	}
	kill() // whatever it was about to do

	// Nobody asks again: what was answered 202 is worked upon.
	for range 2 {
		p = m.spawn(binary)
		m.applying(cut)
		kill()
	}

	accepted := 0
	var mu sync.Mutex
	for range 5 {
		p = m.spawn(binary)
		var posts sync.WaitGroup
		for range 20 {
			posts.Go(func() {
				if p.offer(group) {
					mu.Lock()
					defer mu.Unlock()
					accepted++
				}
			})
		}
		time.Sleep(rand.N(200 * time.Millisecond)) // any moment
		kill()
		posts.Wait()
	}

	p = m.spawn(binary)
	ep := m.over(headroom.NodeFSAvailable)
	m.once(ep)
	t.Logf("accepted %d of 100, %d rungs", accepted, len(ep.Rungs))
	if len(cut) < 2 {
		t.Errorf("%d rungs were cut short, want two and more", len(cut))
	}
	for i, r := range ep.Rungs {
		if want := cut[r.Started.UTC()]; (r.Outcome == headroom.RungInterrupted) != want || (r.Removed == nil) != want {
			t.Errorf("rung %d was cut short: %t; it is %s and removed %+v", i, want, r.Outcome, r.Removed)
		}
		delete(cut, r.Started.UTC())
	}
	if len(cut) > 0 {
		t.Errorf("rungs that began at %v are not on record any more", cut)
	}
	if status := p.end(syscall.SIGTERM); status != 0 {
		t.Errorf("stopped with status %d:\n%s", status, p.stderr)
	}
}

// Told to stop in the middle of a rung, it stops there, knows what that removed,
// and goes on at the next start.
func TestToldToStopInARungItGoesOnAtTheNextStart(t *testing.T) {
	binary := build(t)
	m := crowded(t)
	p := m.spawn(binary)
	p.offer(alerts(headroom.NodeFSAvailable))
	m.applying(nil)
	if status := p.end(syscall.SIGTERM); status != 0 {
		t.Errorf("stopped with status %d:\n%s", status, p.stderr)
	}
	if strings.Contains(p.stderr.String(), "level=ERROR") {
		t.Errorf("being told to stop is an error to it:\n%s", p.stderr)
	}
	stopped := m.list()[0].Episodes[0].Rungs[0]
	left, err := filepath.Glob(filepath.Join(m.disk, "pods", "*", "app", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if stopped.Removed == nil || stopped.Removed.Inodes != int64(rotatedLogs-len(left)) {
		t.Errorf("the rung is %s and removed %+v; %d logs are gone", stopped.Outcome, stopped.Removed, rotatedLogs-len(left))
	}
	m.spawn(binary)
	ep := m.over(headroom.NodeFSAvailable)
	m.once(ep)
	if stopped.Outcome != headroom.RungInterrupted && len(ep.Rungs) != 1 {
		t.Errorf("rungs %s", fmt.Sprint(ep.Rungs))
	}
}
