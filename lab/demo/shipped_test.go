package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/relocate"
)

const root = "../.." // of the repository

func TestTheShippedFilesSayWhatTheDemoTakesForGranted(t *testing.T) {
	prometheus := string(read(t, filepath.Join(root, "deploy/prometheus/prometheus.yml")))
	if !strings.Contains(prometheus, "node: "+relocate.Node+"}") {
		t.Errorf("prometheus.yml does not name a node %s", relocate.Node)
	}
	alertmanager := string(read(t, filepath.Join(root, "deploy/alertmanager/alertmanager.yml")))
	if !strings.Contains(alertmanager, "credentials_file: headroom-token\n") {
		t.Error("alertmanager.yml does not take its token from headroom-token beside it")
	}
	start, target, err := levels(filepath.Join(root, "deploy/policy.yaml"))
	if err != nil || start != 0.05 || target != 0.15 {
		t.Errorf("the policy's levels are %v, %v, %v: the disk's division in node.go was made for 5%% and 15%%", start, target, err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
