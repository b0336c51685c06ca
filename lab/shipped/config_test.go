package shipped

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"gopkg.in/yaml.v3"
)

func TestPromtoolAcceptsTheConfigurations(t *testing.T) {
	rules := shippedFiles(t, "rules/*.yaml")
	for _, file := range shippedFiles(t, "deploy/prometheus/*.yml") {
		dir := t.TempDir() // as deploy/README.md says where things go
		copyInto(t, dir, file)
		copyInto(t, filepath.Join(dir, "rules"), rules...)
		out := mustTool(t, dir, "promtool", "check", "config", "--lint=all", "--lint-fatal", filepath.Base(file))
		if !strings.Contains(out, fmt.Sprintf("%d rule files found", len(rules))) {
			t.Errorf("%s does not find the rules:\n%s", file, out)
		}
	}
}

func TestAmtoolAcceptsTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	copyInto(t, dir, filepath.Join(root, "deploy/alertmanager/alertmanager.yml"))
	write(t, filepath.Join(dir, "headroom-token"), "token\n")
	mustTool(t, dir, "amtool", "check-config", "alertmanager.yml")
}

func TestOnlyBeforeAndAtReachTheRemediatorAndPeopleHearOfEverything(t *testing.T) {
	config := filepath.Join(root, "deploy/alertmanager/alertmanager.yml")
	for _, r := range shippedAlerts(t) {
		want := "people"
		if forRemediator(r) {
			want = "headroom-remediator,people"
		}
		mustTool(t, ".", "amtool", "config", "routes", "test", "--config.file="+config, "--verify.receivers="+want,
			"alertname="+r.Alert, "stage="+r.Labels["stage"], "severity="+r.Labels["severity"], "node=n1", "signal=nodefs.available")
	}
	for _, other := range [][]string{
		{"alertname=HeadroomOfAnotherVersion", "stage=after"},
		{"alertname=NodeFilesystemAlmostOutOfSpace", "stage=before"}, // somebody else's
	} {
		mustTool(t, ".", "amtool", append([]string{"config", "routes", "test", "--config.file=" + config, "--verify.receivers=people"}, other...)...)
	}
}

// The design asks for it in so many words: no wait, seconds between groups, one
// group per alert, nothing cut off.
func TestTheRemediatorHearsOfEachAlertAtOnce(t *testing.T) {
	var config struct {
		Route struct {
			Routes []struct {
				Receiver       string
				GroupBy        []string `yaml:"group_by"`
				GroupWait      string   `yaml:"group_wait"`
				GroupInterval  string   `yaml:"group_interval"`
				RepeatInterval string   `yaml:"repeat_interval"`
			}
		}
		Receivers []struct {
			Name     string
			Webhooks []struct {
				SendResolved bool `yaml:"send_resolved"`
				MaxAlerts    *int `yaml:"max_alerts"`
			} `yaml:"webhook_configs"`
		}
	}
	data, err := os.ReadFile(filepath.Join(root, "deploy/alertmanager/alertmanager.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	route := config.Route.Routes[0]
	if got := []string{route.Receiver, route.GroupWait, route.GroupInterval}; !cmp.Equal(got, []string{"headroom-remediator", "0s", "5s"}) || route.RepeatInterval == "" {
		t.Errorf("the first route is %+v", route)
	}
	if diff := cmp.Diff([]string{"cluster", "alertname", "node", "signal"}, route.GroupBy); diff != "" {
		t.Errorf("group_by (-want +got):\n%s", diff)
	}
	for _, r := range config.Receivers {
		if r.Name != "headroom-remediator" {
			continue
		}
		if hook := r.Webhooks[0]; !hook.SendResolved || hook.MaxAlerts == nil || *hook.MaxAlerts != 0 {
			t.Errorf("the remediator's webhook is %+v", hook)
		}
	}
}

func TestATargetInKubernetesIsItsNode(t *testing.T) {
	var config struct {
		ScrapeConfigs []struct {
			JobName        string            `yaml:"job_name"`
			HonorLabels    bool              `yaml:"honor_labels"`
			RelabelConfigs []*relabel.Config `yaml:"relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	data, err := os.ReadFile(filepath.Join(root, "deploy/prometheus/kubernetes.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	job := config.ScrapeConfigs[0]
	if job.JobName != "headroom-exporter" || !job.HonorLabels {
		t.Errorf("job %s, honor_labels %v", job.JobName, job.HonorLabels)
	}
	pod := map[string]string{
		"job": "headroom-exporter", "__address__": "10.0.0.7:10910",
		"__meta_kubernetes_namespace":               "headroom",
		"__meta_kubernetes_pod_name":                "headroom-exporter-x7x2p",
		"__meta_kubernetes_pod_node_name":           "worker-3",
		"__meta_kubernetes_pod_container_name":      "exporter",
		"__meta_kubernetes_pod_container_port_name": "metrics",
	}
	got := target(t, pod, job.RelabelConfigs)
	if diff := cmp.Diff(map[string]string{"job": "headroom-exporter", "instance": "worker-3", "node": "worker-3"}, got); diff != "" {
		t.Errorf("labels of the target (-want +got):\n%s", diff)
	}
	pod["__meta_kubernetes_pod_container_port_name"] = "profiling"
	if got := target(t, pod, job.RelabelConfigs); got != nil {
		t.Errorf("another port becomes a target: %v", got)
	}
}

// target relabels what was discovered and leaves out what Prometheus drops
// afterwards; nil is no target.
func target(t *testing.T, discovered map[string]string, configs []*relabel.Config) map[string]string {
	t.Helper()
	for _, c := range configs {
		c.NameValidationScheme = model.UTF8Validation
	}
	b := labels.NewBuilder(labels.FromMap(discovered))
	if !relabel.ProcessBuilder(b, configs...) {
		return nil
	}
	kept := b.Labels().Map()
	for name := range kept {
		if strings.HasPrefix(name, "__") {
			delete(kept, name)
		}
	}
	return kept
}

func copyInto(t *testing.T, dir string, files ...string) {
	t.Helper()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, filepath.Base(file)), string(data))
	}
}
