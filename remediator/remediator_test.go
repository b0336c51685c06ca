package remediator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

const mebi = 1 << 20

// A machine is a small real filesystem that holds everything a node does, with
// a kubelet's configuration and container logs.
type machine struct {
	t     *testing.T
	disk  string // nodefs and imagefs
	state string // what the program reads and keeps
}

// newMachine makes one with a tmpfs of 64 MiB and 10,000 inodes, and its state on
// another filesystem.
func newMachine(t *testing.T) *machine {
	t.Helper()
	return machineOn(t, nodetest.Tmpfs(t, 64*mebi, 10_000), t.TempDir())
}

func machineOn(t *testing.T, disk, state string) *machine {
	t.Helper()
	m := &machine{t: t, disk: disk, state: state}
	if err := os.MkdirAll(m.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(m.state, 0o700); err != nil {
		t.Fatal(err)
	}
	m.write("kubelet.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n", 0o644)
	m.write("token", "a-long-and-secret-token\n", 0o600)
	m.write("policy.yaml", `
cases:
  - match: ['signal=~"(nodefs|imagefs)[.](available|inodesFree)"', 'stage=~"before|at"']
    start: 5%
    target: 15%
    ladder:
      - remedy: log-reclaim
        keep: 1
`, 0o644)
	return m
}

func (m *machine) path(name string) string { return filepath.Join(m.state, name) }

func (m *machine) write(name, content string, mode os.FileMode) string {
	m.t.Helper()
	path := m.path(name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// log writes a file of the kubelet's layout on the disk and returns its path.
func (m *machine) log(container, name string, size int) string {
	m.t.Helper()
	dir := filepath.Join(m.disk, "pods", "shop_web-0_11111111-2222-3333-4444-555555555555", container)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, bytes.Repeat([]byte("a line of a log, and then another one\n"), size/38+1)[:size], 0o640); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// full leaves a node with 3 MiB of 64 left: five rotated logs of 5 MiB, and 36
// MiB that nobody may touch.
func (m *machine) full() (rotated []string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.disk, "data"), make([]byte, 36*mebi), 0o600); err != nil {
		m.t.Fatal(err)
	}
	for i := range 5 {
		rotated = append(rotated, m.log("app", fmt.Sprintf("0.log.20261101-10000%d", i), 5*mebi))
	}
	return rotated
}

// args are the program's flags; those in more replace the usual ones.
func (m *machine) args(more ...string) []string {
	usual := []string{
		"--node.name=node-1",
		"--policy.file=" + m.path("policy.yaml"),
		"--journal.file=" + m.path("journal"), "--journal.fallback=" + m.path("fallback"),
		"--control.socket=" + m.path("socket"), "--opt-out.file=" + m.path("opt-out"),
		"--path.nodefs=" + m.disk, "--path.imagefs=" + m.disk,
		"--path.logs=" + filepath.Join(m.disk, "pods"),
		"--path.journal=" + filepath.Join(m.disk, "journal"), "--path.journal-socket=" + m.path("journald"),
		"--kubelet.config=" + m.path("kubelet.yaml"),
		"--webhook.token-file=" + m.path("token"), "--web.listen-address=127.0.0.1:0",
	}
	return append(slices.DeleteFunc(usual, func(flag string) bool {
		name, _, _ := strings.Cut(flag, "=")
		return slices.ContainsFunc(more, func(m string) bool { return strings.HasPrefix(m, name+"=") })
	}), more...)
}

// A program is the remediator, running.
type program struct {
	*machine
	url    string
	token  string
	stderr *output
	stop   func() int
}

// output collects what a program prints; it is read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// start runs the program and waits until it listens.
func (m *machine) start(more ...string) *program {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{machine: m, token: "a-long-and-secret-token", stderr: &output{}}
	status := make(chan int, 1)
	go func() { status <- Main(ctx, m.args(more...), io.Discard, p.stderr) }()
	var once sync.Once
	result := 0
	p.stop = func() int {
		once.Do(func() { cancel(); result = <-status })
		return result
	}
	m.t.Cleanup(func() { p.stop() })
	p.listens()
	return p
}

// listens waits until the program says where it listens.
func (p *program) listens() {
	p.t.Helper()
	until(p.t, "it listens", p.stderr.String, func() bool {
		match := listening.FindStringSubmatch(p.stderr.String())
		if match != nil {
			p.url = "http://" + match[1]
		}
		return match != nil
	})
}

// until polls for a condition, and gives up after a time that is long enough
// for any machine.
func until(t *testing.T, what string, state func() string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain until %s:\n%s", what, state())
}

func alerts(signals ...headroom.Signal) string {
	var all []string
	for _, s := range signals {
		all = append(all, fmt.Sprintf(`{"status":"firing","labels":{"alertname":"HeadroomThresholdMet","node":"node-1","signal":%q,"stage":"at"},"annotations":{},"startsAt":"2026-11-01T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"%016x"}`, s, len(all)+1))
	}
	return `{"version":"4","groupKey":"g","truncatedAlerts":0,"status":"firing","receiver":"headroom-remediator","groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"","alerts":[` + strings.Join(all, ",") + `]}`
}

func (p *program) post(body string) int {
	p.t.Helper()
	r, err := http.NewRequest(http.MethodPost, p.url+"/api/v1/alerts", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (p *program) get(path string) (int, string) {
	p.t.Helper()
	resp, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// command runs one of the program's commands to its end.
func (m *machine) command(args ...string) (stdout, stderr string, status int) {
	m.t.Helper()
	var out, err bytes.Buffer
	// One that serves, against expectation, is stopped.
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	status = Main(ctx, m.args(args...), &out, &err)
	return out.String(), err.String(), status
}

// list is what `list -o json` says.
func (m *machine) list() []headroom.Case {
	m.t.Helper()
	out, errs, status := m.command("list", "-o", "json")
	if status != 0 {
		m.t.Fatalf("list: %s", errs)
	}
	var cases []headroom.Case
	if err := json.Unmarshal([]byte(out), &cases); err != nil {
		m.t.Fatal(err)
	}
	return cases
}

// over waits until a signal's last episode is over and returns it.
func (m *machine) over(s headroom.Signal) (found headroom.Episode) {
	m.t.Helper()
	state := func() string { out, errs, _ := m.command("list"); return out + errs }
	until(m.t, fmt.Sprintf("the episode of %s is over", s), state, func() bool {
		for _, c := range m.list() {
			if ep := c.Last(); c.Signal == s && ep != nil && ep.Phase == headroom.Over {
				found = *ep
				return true
			}
		}
		return false
	})
	return found
}

func exists(paths ...string) (all []bool) {
	for _, p := range paths {
		_, err := os.Lstat(p)
		all = append(all, err == nil)
	}
	return all
}
