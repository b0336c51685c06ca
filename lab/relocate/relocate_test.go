package relocate

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.." // of the repository

// played is where the programs of a show might listen.
var played = Map{
	Exporter:     "127.0.0.1:41001",
	Remediator:   "127.0.0.1:41002",
	Alertmanager: "127.0.0.1:41003",
	Node:         "somewhere-7",
}

func TestWhatIsPlayedIsShippedToTheByteButForNames(t *testing.T) {
	dir := t.TempDir()
	if err := played.Place(root, dir, "deploy/alertmanager/alertmanager.yml", "deploy/prometheus/prometheus.yml", "rules/*.yaml"); err != nil {
		t.Fatal(err)
	}
	pairs := map[string]string{
		"deploy/alertmanager/alertmanager.yml": "alertmanager.yml",
		"deploy/prometheus/prometheus.yml":     "prometheus.yml",
	}
	rules, err := filepath.Glob(filepath.Join(root, "rules", "*.yaml"))
	if err != nil || len(rules) == 0 {
		t.Fatal(rules, err)
	}
	for _, rule := range rules {
		pairs["rules/"+filepath.Base(rule)] = "rules/" + filepath.Base(rule)
	}
	for from, to := range pairs {
		shipped, file := read(t, filepath.Join(root, from)), read(t, filepath.Join(dir, to))
		if back := played.reverse().apply(file); !bytes.Equal(back, shipped) {
			t.Errorf("%s: with its names put back it is\n%s", from, back)
		}
		for _, line := range changedLines(shipped, file) {
			if !address.MatchString(line) && !strings.Contains(line, played[Node]) {
				t.Errorf("%s: %q changed, and has no name", from, line)
			}
		}
		if strings.HasPrefix(from, "rules/") && !bytes.Equal(file, shipped) {
			t.Errorf("%s changed", from)
		}
	}
}

func TestAnAddressThatNothingListensAtIsRefused(t *testing.T) {
	for _, line := range []string{"targets: [localhost:9100]", "url: http://10.0.0.1:80/x", "targets: ['[::1]:10910']"} {
		if len(played.strangers([]byte(line))) != 1 {
			t.Errorf("%s passes", line)
		}
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

func changedLines(a, b []byte) (changed []string) {
	before := strings.Split(string(a), "\n")
	for i, line := range strings.Split(string(b), "\n") {
		if i >= len(before) || before[i] != line {
			changed = append(changed, line)
		}
	}
	return changed
}
