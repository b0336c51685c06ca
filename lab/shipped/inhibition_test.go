package shipped

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"
)

// A muted alert reaches nobody. One that is for the remediator may be muted only
// by another that is.
func TestNothingIsKeptFromTheRemediatorByAnAlertThatItDoesNotGet(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "deploy/alertmanager/alertmanager.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Inhibitions []struct {
			Sources []string `yaml:"source_matchers"`
			Targets []string `yaml:"target_matchers"`
			Equal   []string
		} `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	muting := 0
	for _, inhibition := range config.Inhibitions {
		sources, targets := alertsThatMatch(t, inhibition.Sources), alertsThatMatch(t, inhibition.Targets)
		if len(sources) == 0 || len(targets) == 0 {
			t.Errorf("%v mutes %v: there are no such alerts", inhibition.Sources, inhibition.Targets)
		}
		if diff := cmp.Diff([]string{"cluster", "node", "signal"}, inhibition.Equal); diff != "" {
			t.Errorf("%v mutes another signal's alert (-want +got):\n%s", inhibition.Sources, diff)
		}
		for _, source := range sources {
			for _, target := range targets {
				muting++
				if forRemediator(target) && !forRemediator(source) {
					t.Errorf("%s keeps %s from the remediator", source.Alert, target.Alert)
				}
			}
		}
	}
	if muting == 0 {
		t.Error("nothing is muted by anything")
	}
}

// forRemediator reports whether r is of a stage that the remediator hears of.
func forRemediator(r Rule) bool { return r.Labels["stage"] == "before" || r.Labels["stage"] == "at" }

// alertsThatMatch are the shipped ones that have all the labels that matchers ask
// for. What Alertmanager writes one by one is a selector of Prometheus together.
func alertsThatMatch(t *testing.T, matchers []string) []Rule {
	t.Helper()
	selector, err := parser.NewParser(parser.Options{}).ParseMetricSelector("{" + strings.Join(matchers, ",") + "}")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(shippedAlerts(t), func(r Rule) bool {
		set := maps.Clone(r.Labels)
		set["alertname"] = r.Alert
		return slices.ContainsFunc(selector, func(m *labels.Matcher) bool { return !m.Matches(set[m.Name]) })
	})
}
