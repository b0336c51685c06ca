package headroom_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/nodeheadroom/headroom"

// Arrows lists, for every package of the product, the packages of the product
// that it may import. Lab code is a module of its own and may import all.
var arrows = map[string][]string{
	"":                         {},
	"node":                     {""},
	"node/poll":                {},
	"node/kubelet":             {"", "node", "node/poll"},
	"node/flag":                {"", "node", "node/kubelet", "node/runtime"},
	"node/runtime":             {"node/poll"},
	"node/runtime/cri":         {"node/runtime"},
	"node/runtime/cri/critest": {}, // for tests
	"node/nodetest":            {},
	"exporter":                 {"", "node", "node/flag", "node/kubelet", "node/poll"},
	"remediator/remedy":        {"", "node", "node/runtime"},
	"remediator/policy":        {"", "remediator/remedy"},
	"remediator/alertmanager":  {},
	"remediator/webhook":       {"remediator/alertmanager"},
	"remediator/engine":        {"", "node", "remediator/policy", "remediator/remedy"},
	"remediator/control":       {"", "remediator/engine"},
	"remediator/store/journal": {""},
	"remediator/store/storetest": {
		"", // the conformance suite of stores: tests only
	},
	"remediator": {
		"", "node", "node/flag", "node/kubelet", "node/runtime/cri",
		"remediator/alertmanager", "remediator/control", "remediator/engine", "remediator/policy", "remediator/remedy",
		"remediator/store/journal", "remediator/webhook",
	},
	"cmd/headroom-exporter":   {"exporter"},
	"cmd/headroom-remediator": {"remediator"},
}

// Heavy libraries that must not reach a program by accident.
var unwanted = map[string][]string{
	"":                        {"net/http", "os/exec", "github.com/prometheus"},
	"cmd/headroom-exporter":   {"k8s.io/client-go", "google.golang.org/grpc", "github.com/prometheus/alertmanager", "gopkg.in/yaml.v3"},
	"cmd/headroom-remediator": {"k8s.io/client-go"},
}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestArrows(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range list(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		allowed, ok := arrows[name]
		if !ok {
			t.Errorf("package %s is not in the map of the house: add it here and to DESIGN.md, or put its code where it belongs", name)
			continue
		}
		seen[name] = true
		for _, imported := range p.Imports {
			if rest, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(allowed, strings.TrimPrefix(rest, "/")) {
				t.Errorf("%s imports %s: no arrow leads there", name, imported)
			}
		}
		for _, bad := range unwanted[name] {
			for _, dep := range p.Deps {
				if dep == bad || strings.HasPrefix(dep, bad+"/") {
					t.Errorf("%s depends on %s", name, dep)
				}
			}
		}
	}
	for name := range arrows {
		if !seen[name] {
			t.Errorf("package %q is in the map of the house and nowhere else", name)
		}
	}
}

// Programs are started by one remedy, which is told their path; nothing that is on a
// host's PATH is assumed, and no shell.
func TestNothingIsStartedByItsName(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if slices.Contains(p.Imports, "os/exec") && name != "remediator/remedy" && name != "node/nodetest" {
			t.Errorf("%s imports os/exec", name)
		}
	}
	files, err := filepath.Glob("remediator/remedy/*.go")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), `"os/exec"`) && !strings.HasSuffix(file, "_test.go") && path.Base(file) != "exec_child.go" {
			t.Errorf("%s imports os/exec", file)
		}
		if path.Base(file) == "exec_child.go" && (strings.Contains(string(data), "exec.Command") || strings.Contains(string(data), "LookPath")) {
			t.Errorf("%s finds a program by its name", file)
		}
	}
}

func TestNoVagueNames(t *testing.T) {
	for _, p := range list(t) {
		switch base := path.Base(p.ImportPath); base {
		case "pkg", "util", "utils", "common", "types", "helpers", "misc":
			t.Errorf("%s: %q says nothing about what is inside", p.ImportPath, base)
		}
	}
}

func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
