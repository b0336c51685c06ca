package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// explain says what runs, what it was told, and how to connect it.
func (m *machine) explain(root, exporter, remediator, state string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
Headroom watches this machine as node %[1]s, and plans without acting: dry run.

  exporter    http://%[2]s
  remediator  http://%[3]s

`, m.name, exporter, remediator)
	for _, note := range m.notes {
		fmt.Fprintf(&b, "Note: %s\n", note)
	}
	if len(m.notes) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, `Into prometheus.yml:

  rule_files: [%[1]q]
  scrape_configs:
    - job_name: headroom-exporter
      scrape_interval: 5s
      honor_labels: true
      static_configs:
        - targets: [%[2]q]
          labels: {instance: %[4]q, node: %[4]q}
    - job_name: headroom-remediator
      scrape_interval: 5s
      honor_labels: true
      static_configs:
        - targets: [%[3]q]
          labels: {instance: %[4]q, node: %[4]q}

Into alertmanager.yml:

  route:
    routes:
      - receiver: headroom-remediator
        matchers: ['alertname=~"Headroom.+"', 'stage=~"before|at"']
        group_by: [cluster, alertname, node, signal]
        group_wait: 0s
        group_interval: 5s
        repeat_interval: 5m
        continue: true
  receivers:
    - name: headroom-remediator
      webhook_configs:
        - url: http://%[3]s/api/v1/alerts
          send_resolved: true
          max_alerts: 0

`, filepath.Join(root, "rules", "*.yaml"), exporter, remediator, m.name)
	ours := append(m.flags(), "--node.name="+m.name, "--path.logs="+m.logs,
		"--policy.file="+filepath.Join(root, "deploy", "policy.yaml"), "--journal.file="+filepath.Join(state, "journal"))
	fmt.Fprintf(&b, `What would be done now, and what has been:

  bin/headroom-remediator plan --signal nodefs.available \
    %[1]s
  bin/headroom-remediator list --control.socket=%[2]s

^C stops both and leaves nothing.

`, strings.Join(ours, " \\\n    "), filepath.Join(state, "remediator.sock"))
	return b.String()
}
