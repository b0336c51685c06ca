package shipped

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nodeheadroom/headroom/lab/tools"
)

// root is the top of the repository, seen from this package's folder.
const root = "../.."

// shippedFiles returns the files that match pattern, a path beneath root; none
// is an error, because then the test would look at nothing.
func shippedFiles(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no file matches %s", pattern)
	}
	return files
}

// tool runs a third-party program in folder dir and returns all that it said.
func tool(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	path, err := tools.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mustTool is tool where anything but success fails the test.
func mustTool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := tool(t, dir, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}
