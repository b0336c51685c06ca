//go:build e2e

package remedies

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/lab/process"
)

// A patient is a node on which the program is killed and started again.
type patient struct {
	*place
	program string
	dying   string // the one that kills itself
	memory  string // file that remembers unused images
	state   string // a folder of one killing: policy, journal, token
	step    string
}

// on begins a killing at a step, with nothing on record.
func (p *patient) on(t *testing.T, step string) *patient {
	t.Helper()
	place := *p.place
	place.T = t
	q := &patient{place: &place, program: p.program, dying: p.dying, memory: p.memory, state: t.TempDir(), step: step}
	q.must(os.Chmod(q.state, 0o700))
	q.write("token", "a-long-and-secret-token\n")
	return q
}

// wants makes the policy: its only remedy is the step's, and it is to make so many
// bytes available.
func (p *patient) wants(bytes int64) {
	p.Helper()
	space, err := disk.Stat(p.node.PodLogs())
	p.must(err)
	// The kubelet's thresholds are 1 % here.
	percent := func(more int64) float64 {
		return min(98, 100*float64(space.Available+more)/float64(space.Capacity)-1)
	}
	name, _, _ := strings.Cut(p.step, ":")
	p.write("policy.yaml", fmt.Sprintf(`
cases:
  - match: ['signal="nodefs.available"']
    start: %.3f%%
    target: %.3f%%
    ladder: [{remedy: %s, approval: none, %s}]
`, percent(bytes)-0.1, percent(bytes), name, killed[p.step]))
	p.must(p.unused.Look(p.Context(), p.runtime, p.viewer))
}

func (p *patient) write(name, text string) {
	p.Helper()
	p.must(os.WriteFile(filepath.Join(p.state, name), []byte(text), 0o600))
}

func (p *patient) flags(more ...string) []string {
	in := func(name string) string { return filepath.Join(p.state, name) }
	admin := p.cluster.Admin()
	return append([]string{
		"--path.nodefs=" + p.node.RootDir(), "--path.imagefs=" + p.node.ContainerdRoot(),
		"--kubelet.url=" + p.node.URL, "--kubelet.ca-file=" + p.cluster.CA(), "--kubelet.cert-file=" + admin.Cert, "--kubelet.key-file=" + admin.Key,
		"--node.name=" + p.node.Name, "--path.logs=" + p.node.PodLogs(), "--path.journal=" + in("none"),
		"--runtime.endpoint=unix://" + p.node.Socket(), "--policy.file=" + in("policy.yaml"),
		"--journal.file=" + in("journal"), "--journal.fallback=" + in("fallback"), "--control.socket=" + in("socket"),
		"--images.file=" + p.memory, "--opt-out.file=" + in("opt-out"),
		"--webhook.token-file=" + in("token"), "--web.listen-address=127.0.0.1:0", "--no-dry-run",
	}, more...)
}

// dies has the program asked, and killed at the step.
func (p *patient) dies() {
	p.Helper()
	running, err := process.Start(process.Options{Name: "the program that dies", Path: p.dying, Args: p.flags(), Env: append(os.Environ(), "HEADROOM_TEST_DIE_AT="+p.step)})
	p.must(err)
	defer running.Stop(time.Second)
	p.ask(running)
	select {
	case <-running.Done():
		if err := running.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
			p.Fatalf("it ended by itself: %v", err)
		}
	case <-time.After(time.Minute):
		p.Fatalf("it never comes to %q: %+v", p.step, p.episode())
	}
	if ep := p.episode(); ep == nil || len(ep.Rungs) != 1 || ep.Rungs[0].Outcome != "" {
		p.Fatalf("on record is not one rung that is being applied: %+v", ep)
	}
}

// ask sends an alert.
func (p *patient) ask(running *process.Process) {
	p.Helper()
	address, err := running.Address(p.Context())
	p.must(err)
	body := fmt.Sprintf(`{"version":"4","groupKey":"g","truncatedAlerts":0,"status":"firing","receiver":"r","groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"","alerts":[{"status":"firing","labels":{"alertname":"HeadroomThresholdMet","node":%q,"signal":"nodefs.available","stage":"at"},"annotations":{},"startsAt":"2026-11-01T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"0000000000000001"}]}`, p.node.Name)
	r, err := http.NewRequestWithContext(p.Context(), http.MethodPost, "http://"+address+"/api/v1/alerts", strings.NewReader(body))
	p.must(err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer a-long-and-secret-token")
	answer, err := http.DefaultClient.Do(r)
	p.must(err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		p.Fatalf("the alert is answered with %s", answer.Status)
	}
}

// episode is the only one on record, or nil where there is none yet.
func (p *patient) episode() *headroom.Episode {
	p.Helper()
	out, err := exec.CommandContext(p.Context(), p.program, p.flags("list", "-o", "json")...).Output()
	p.must(err)
	var cases []headroom.Case
	p.must(json.Unmarshal(out, &cases))
	if len(cases) > 1 || len(cases) == 1 && len(cases[0].Episodes) > 1 {
		p.Fatalf("there is more than one episode: %s", out)
	}
	if len(cases) == 0 {
		return nil
	}
	return cases[0].Last()
}

// recovers starts the program again, as its users have it, asks for nothing, and
// returns how the episode ends.
func (p *patient) recovers() *headroom.Episode {
	p.Helper()
	running, err := process.Start(process.Options{Name: "headroom-remediator", Path: p.program, Args: p.flags()})
	p.must(err)
	p.Cleanup(func() { running.Stop(10 * time.Second) })
	var ep *headroom.Episode
	eventually(p.T, "the episode to be over", func() error {
		if ep = p.episode(); ep == nil || ep.Phase != headroom.Over {
			return fmt.Errorf("it is %+v", ep)
		}
		return nil
	})
	for i, r := range ep.Rungs {
		p.Logf("rung %d: %s, removed %+v, notes %q %s", i+1, r.Outcome, r.Removed, r.Notes, r.Error)
		if cut := i == 0; (r.Outcome == headroom.RungInterrupted) != cut || (r.Removed == nil) != cut || r.Outcome == headroom.RungFailed {
			p.Errorf("rung %d is %s and removed %+v", i+1, r.Outcome, r.Removed)
		}
		if strings.Contains(strings.Join(r.Notes, "\n"), "harm") {
			p.Errorf("it did harm: %q", r.Notes)
		}
	}
	if ep.After == nil || (ep.After.Missing(ep.Target) <= 0) != (ep.Outcome == headroom.Succeeded) {
		p.Errorf("it is %s (%s) with %+v of %f", ep.Outcome, ep.Detail, ep.After, ep.Target)
	}
	return ep
}

// succeeds fails unless the episode reached its target.
func (p *patient) succeeds() {
	p.Helper()
	if ep := p.recovers(); ep.Outcome != headroom.Succeeded {
		p.Errorf("it is %s: %s", ep.Outcome, ep.Detail)
	}
}
