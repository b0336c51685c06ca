package remediator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	headroom "github.com/nodeheadroom/headroom"
)

// Whatever labels and annotations hold, the administrator's program hears of the
// node and the signal only, which are this node's and the kubelet's.
func TestHazardControlLoopLabelInjection(t *testing.T) {
	const hostile = "HOSTILE"
	m := newMachine(t)
	m.trusted(filepath.Join(m.disk, "bin"))
	heard, room := m.path("heard"), filepath.Join(m.disk, "room")
	script := fmt.Sprintf("#!/bin/sh\n{ tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; cat; } >%s\nrm -f %s\necho '{\"done\":true}'\n", heard, room)
	if err := os.WriteFile(filepath.Join(m.disk, "bin", "program"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(room, make([]byte, 20*mebi), 0o600); err != nil {
		t.Fatal(err)
	}
	m.fill(3 * mebi)
	m.write("policy.yaml", fmt.Sprintf(`
cases:
  - match: ['signal="nodefs.available"']
    start: 5%%
    target: 15%%
    ladder: [{remedy: exec, command: [%s/bin/program]}]
`, m.disk), 0o644)
	var labels, annotations []string
	for i, value := range []string{"$(reboot)", "`reboot`", "; reboot #", "../../../etc/shadow", "--policy.file=/tmp/x", "a\\nb", "%s%n", "\\u0000"} {
		labels = append(labels, fmt.Sprintf(`"%s_label_%d":"%s%s"`, hostile, i, hostile, value))
		annotations = append(annotations, fmt.Sprintf(`"%s_%d":"%s%s"`, hostile, i, hostile, value))
	}
	body := alerts(headroom.NodeFSAvailable)
	body = strings.Replace(body, `"labels":{`, `"labels":{`+strings.Join(labels, ",")+",", 1)
	body = strings.Replace(body, `"annotations":{}`, `"annotations":{`+strings.Join(annotations, ",")+"}", 1)
	body = strings.Replace(body, `"alertname":"HeadroomThresholdMet"`, `"alertname":"`+hostile+`$(reboot)"`, 1)

	p := m.start("--no-dry-run")
	if code := p.post(body); code != 202 {
		t.Fatalf("answered %d", code)
	}
	ep := m.over(headroom.NodeFSAvailable)
	said, err := os.ReadFile(heard)
	if err != nil {
		t.Fatalf("%v; the episode is %s with %+v", err, ep.Outcome, ep.Rungs)
	}
	if text := string(said); strings.Contains(text, hostile) || strings.Contains(text, "reboot") || !strings.Contains(text, `"signal":"nodefs.available"`) {
		t.Errorf("the program heard:\n%s", text)
	}
	if status := p.stop(); status != 0 {
		t.Errorf("stopped with status %d", status)
	}
}
