package tools

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tiny is a program in a module of its own, in a tree that looks like this one.
var tiny = program{name: "tiny", module: "tiny", pkg: "example.test/tiny"}

func tree(t *testing.T, source string) {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "lab", "tools", "tiny")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.mod"), "module example.test/tiny\n\ngo 1.24\n")
	write(t, filepath.Join(dir, "go.sum"), "")
	write(t, filepath.Join(dir, "main.go"), source)
	t.Chdir(dir) // found from any folder below the root
	t.Setenv("HEADROOM_CACHE", t.TempDir())
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

const hello = "package main\n\nfunc main() { println(\"hello\") }\n"

func TestAMissingProgramIsBuiltOnceAndRuns(t *testing.T) {
	tree(t, hello)
	var progress bytes.Buffer
	binary, err := tiny.path(t.Context(), &progress)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(binary).CombinedOutput(); err != nil || string(out) != "hello\n" {
		t.Errorf("the program says %q, %v", out, err)
	}
	if !strings.Contains(progress.String(), "building tiny") || !strings.Contains(progress.String(), "built tiny") {
		t.Errorf("progress says %q", progress.String())
	}
	progress.Reset()
	again, err := tiny.path(t.Context(), &progress)
	if err != nil || again != binary || progress.Len() != 0 {
		t.Errorf("a second time: %s, %v, having said %q; want %s in silence", again, err, progress.String(), binary)
	}
}

func TestAChangedPinIsBuiltAnewAndTheOldOneGoes(t *testing.T) {
	tree(t, hello)
	old, err := tiny.path(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	write(t, "go.mod", "module example.test/tiny\n\ngo 1.25\n")
	binary, err := tiny.path(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if binary == old || exists(old) || !exists(binary) {
		t.Errorf("now %s (%v), before %s (%v)", binary, exists(binary), old, exists(old))
	}
}

func TestConcurrentBuildersWaitForOne(t *testing.T) {
	tree(t, hello)
	var together sync.WaitGroup
	said := make([]bytes.Buffer, 4)
	for i := range said {
		together.Go(func() {
			if _, err := tiny.path(t.Context(), &said[i]); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	built := 0
	for i := range said {
		built += strings.Count(said[i].String(), "built tiny")
	}
	if built != 1 {
		t.Errorf("built %d times", built)
	}
}

func TestAFailedBuildSaysWhatTheCompilerSaidAndLeavesNoBinary(t *testing.T) {
	tree(t, "package main\n\nfunc main() { nonsense() }\n")
	_, err := tiny.path(t.Context(), t.Output())
	if err == nil || !strings.Contains(err.Error(), "undefined: nonsense") {
		t.Errorf("error %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(os.Getenv("HEADROOM_CACHE"), "tools", "*", "*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnUnknownNameIsAnErrorThatListsTheKnown(t *testing.T) {
	_, err := Path("promotool")
	if err == nil || !strings.Contains(err.Error(), `"promotool"`) || !strings.Contains(err.Error(), "promtool, alertmanager") {
		t.Errorf("error %v", err)
	}
}

func TestEveryProgramIsATool(t *testing.T) {
	for _, p := range programs {
		source, err := folder(p.module)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.command(t.Context(), source, "mod", "edit", "-json").Output()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out), `"Path": "`+p.pkg+`"`) {
			t.Errorf("%s: lab/tools/%s/go.mod has no tool line for %s", p.name, p.module, p.pkg)
		}
		if p.version(source) == "" {
			t.Errorf("%s: no version of %s in lab/tools/%s/go.mod", p.name, p.pkg, p.module)
		}
	}
}
