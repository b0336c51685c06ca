package prometheus

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/process/processtest"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// The shipped configuration for one machine looks for both programs there, which
// do not run: that is what a scrape finds out.
func TestPrometheusRunsWithTheShippedConfiguration(t *testing.T) {
	if err := tools.Build(t.Context(), []string{"prometheus"}, t.Output()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, args, err := Command(dir, "prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile("../../rules/headroom.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if rules, err := os.ReadFile(filepath.Join(dir, "rules", "headroom.yaml")); err != nil || string(rules) != string(shipped) {
		t.Errorf("the rules are not the shipped ones: %v", err)
	}
	address := processtest.Start(t, process.Options{Path: program, Args: append(args, "--web.listen-address=127.0.0.1:0")})
	began := time.Now()
	for {
		at, err := Server(address).First(t.Context(), `up{node="node-1"}`, time.Minute)
		if err == nil {
			if at.Before(began.Add(-time.Minute)) {
				t.Errorf("a sample of %s", at)
			}
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if _, err := Server(address).Samples(t.Context(), "up[", time.Minute); err == nil {
		t.Error("a query that is none is answered")
	}
}
