package shipped

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/process/processtest"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// A group of one alert at most, and two receivers whose names are one pattern
// apart. The second is never sent to.
const truncatingAlertmanager = `
route:
  receiver: headroomXremediator
  routes:
    - matchers: [team="headroom"]
      receiver: headroom.remediator
      group_by: [team]
      group_wait: 1s
receivers:
  - name: headroomXremediator
  - name: headroom.remediator
    webhook_configs:
      - url: http://ADDRESS/api/v1/alerts
        max_alerts: 1
        http_config: {authorization: {credentials_file: token}}
`

// Passwords are letmein.
const alertmanagersUsers = "basic_auth_users: {lab: $2a$04$PEHYh4BwsEYRlFLorfO4GexEl5YFfAo/r3eyUwFtdkkzFttZeXWrC}\n"

// Five nodes alert, one more is silenced, and one is another receiver's. Of
// these, Alertmanager names one node.
func TestAllNodesOfATruncatedGroupArrive(t *testing.T) {
	bin := build(t)
	for sentence, c := range map[string]struct {
		asks bool
		want []string
	}{
		"without Alertmanager's URL one node arrives and four are counted": {false, []string{
			`headroom_remediation_truncated_alerts_total 4`,
			`headroom_remediation_truncated_fetches_total{outcome="fetched"} 0`,
			`headroom_remediation_alerts_total{outcome="accepted"} 0`,
			`headroom_remediation_alerts_total{outcome="other_node"} 1`,
		}},
		"with it five nodes arrive, and the one of the notification twice": {true, []string{
			`headroom_remediation_truncated_alerts_total 0`,
			`headroom_remediation_truncated_fetches_total{outcome="fetched"} 1`,
			`headroom_remediation_alerts_total{outcome="accepted"} 1`,
			`headroom_remediation_alerts_total{outcome="other_node"} 5`,
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			dir := t.TempDir()
			am := startAlertmanager(t, dir)
			args := truncatedRemediator(t, dir)
			if c.asks {
				write(t, filepath.Join(dir, "http.yml"), "basic_auth: {username: lab, password_file: password}\n")
				args = append(args, "--alertmanager.url=http://"+am, "--alertmanager.http-config="+filepath.Join(dir, "http.yml"))
			}
			remediator := processtest.Start(t, process.Options{Path: filepath.Join(bin, "headroom-remediator"), Args: args})
			write(t, filepath.Join(dir, "alertmanager.yml"), strings.Replace(truncatingAlertmanager, "ADDRESS", remediator, 1))
			tell(t, am, "/-/reload", nil)
			alertOfNodes(t, am)
			text := scrapeUntil(t, remediator, `headroom_remediation_webhook_requests_total{code="202"} 1`)
			for _, line := range c.want {
				if !strings.Contains(text, "\n"+line+"\n") {
					t.Errorf("%s is missing", line)
				}
			}
			if t.Failed() {
				t.Logf("what is not 0:\n%s", bytes.Join(notZero.FindAll([]byte(text), -1), []byte("\n")))
			}
		})
	}
}

// startAlertmanager starts a real one that asks everybody for a password.
func startAlertmanager(t *testing.T, dir string) (address string) {
	t.Helper()
	path, err := tools.Path("alertmanager")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "token"), liveToken+"\n")
	write(t, filepath.Join(dir, "password"), "letmein")
	write(t, filepath.Join(dir, "web.yml"), alertmanagersUsers)
	write(t, filepath.Join(dir, "alertmanager.yml"), strings.Replace(truncatingAlertmanager, "ADDRESS", "127.0.0.1:1", 1))
	return processtest.Start(t, process.Options{Path: path, Args: []string{
		"--web.listen-address=127.0.0.1:0", "--web.config.file=" + filepath.Join(dir, "web.yml"),
		"--config.file=" + filepath.Join(dir, "alertmanager.yml"), "--storage.path=" + filepath.Join(dir, "alertmanager"),
		"--cluster.listen-address=",
	}})
}

// truncatedRemediator are the flags of one that takes alerts of node-3 and does
// nothing about them.
func truncatedRemediator(t *testing.T, dir string) []string {
	t.Helper()
	if err := os.Chmod(filepath.Join(dir, "token"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "kubelet.yaml"), kubeletConfiguration)
	return []string{
		"--node.name=node-3", "--path.nodefs=" + dir, "--path.imagefs=" + dir, "--path.logs=" + dir,
		"--kubelet.config=" + filepath.Join(dir, "kubelet.yaml"), "--policy.file=" + filepath.Join(root, "deploy/policy.yaml"),
		"--journal.file=" + filepath.Join(dir, "journal"), "--journal.fallback=" + filepath.Join(dir, "fallback"),
		"--webhook.token-file=" + filepath.Join(dir, "token"), "--web.listen-address=127.0.0.1:0",
	}
}

// alertOfNodes alerts of node-1 to node-7: of node-6 after a silence, and of
// node-7 for the other receiver.
func alertOfNodes(t *testing.T, am string) {
	t.Helper()
	now := time.Now()
	tell(t, am, "/api/v2/silences", map[string]any{
		"matchers": []any{map[string]any{"name": "node", "value": "node-6", "isRegex": false, "isEqual": true}},
		"startsAt": now, "endsAt": now.Add(time.Hour), "createdBy": "lab", "comment": "a test",
	})
	var alerts []any
	for n := 1; n <= 7; n++ {
		labels := map[string]string{"alertname": "HeadroomThresholdMet", "signal": "nodefs.available", "stage": "at", "node": fmt.Sprint("node-", n)}
		if n < 7 {
			labels["team"] = "headroom"
		}
		alerts = append(alerts, map[string]any{"labels": labels, "startsAt": now})
	}
	tell(t, am, "/api/v2/alerts", alerts)
}

// tell posts to Alertmanager.
func tell(t *testing.T, am, path string, body any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+am+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("lab", "letmein")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s: %s", path, res.Status, answer)
	}
}
