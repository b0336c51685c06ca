package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"
)

// shipped is what the shipped configuration says that a play is judged by.
type shipped struct {
	scrape   time.Duration // of the exporter
	evaluate time.Duration // of the fast rules
	holds    time.Duration // how long the fast prediction must hold
	group    time.Duration // Alertmanager's wait before it tells the remediator
	start    float64       // headroom ratio below which the remediator acts
}

// fastest is the alert that a fast fill sets off.
const fastest = "HeadroomEvictionImminent"

// readShipped reads it from the repository below root.
func readShipped(root string) (s shipped, err error) {
	var prometheus struct {
		Global struct {
			Scrape model.Duration `yaml:"scrape_interval"`
		}
	}
	var rules struct {
		Groups []struct {
			Interval model.Duration
			Rules    []struct {
				Alert string
				For   model.Duration
			}
		}
	}
	var alertmanager struct {
		Route struct {
			Routes []struct {
				Receiver string
				Wait     model.Duration `yaml:"group_wait"`
			}
		}
	}
	var policy struct{ Cases []struct{ Start string } }
	for path, into := range map[string]any{
		"deploy/prometheus/prometheus.yml": &prometheus, "rules/headroom.yaml": &rules,
		"deploy/alertmanager/alertmanager.yml": &alertmanager, "deploy/policy.yaml": &policy,
	} {
		if err := read(filepath.Join(root, path), into); err != nil {
			return s, err
		}
	}
	s.scrape = time.Duration(prometheus.Global.Scrape)
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == fastest {
				s.evaluate, s.holds = time.Duration(group.Interval), time.Duration(rule.For)
			}
		}
	}
	for _, route := range alertmanager.Route.Routes {
		if route.Receiver == "headroom-remediator" {
			s.group = time.Duration(route.Wait)
		}
	}
	if s.scrape == 0 || s.evaluate == 0 || len(policy.Cases) == 0 {
		return s, fmt.Errorf("the shipped files in %s do not say how often is scraped and evaluated, and from where on is acted: %+v", root, s)
	}
	s.start, err = percentage(policy.Cases[0].Start)
	return s, err
}

func read(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// percentage reads a share such as 5%.
func percentage(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "%")
	if !ok {
		return 0, fmt.Errorf("%q: not a percentage", text)
	}
	value, err := strconv.ParseFloat(number, 64)
	return value / 100, err
}
