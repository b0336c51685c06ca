//go:build e2e

package pod

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nobody is the user and the group that the manifest names.
const nobody = 65534

// isNobody looks at the process that the kubelet made of the manifest.
func (d *deployed) isNobody(t *testing.T) {
	proc := d.process(t)
	status := read(t, filepath.Join(proc, "status"))
	none := "0000000000000000"
	want := map[string]string{
		"Uid": "65534 65534 65534 65534", "Gid": "65534 65534 65534 65534", "Groups": "65534",
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
		"NoNewPrivs": "1", "Seccomp": "2",
	}
	got := make(map[string]string)
	for line := range strings.Lines(status) {
		if name, value, _ := strings.Cut(line, ":"); want[name] != "" {
			got[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("its status (-want +got):\n%s", diff)
	}
	// Memory of its own, and the file for its last words, which the kubelet gives
	// to every container.
	if diff := cmp.Diff([]string{"/dev/mqueue", "/dev/shm", "/dev/termination-log"}, writable(t, proc)); diff != "" {
		t.Errorf("where it may write (-want +got):\n%s", diff)
	}
}

// process finds the pod's process, the only one with this command line.
func (d *deployed) process(t *testing.T) string {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		data, err := os.ReadFile(line)
		if err == nil && bytes.HasPrefix(data, []byte("/headroom-exporter\x00--path.procfs=/host/proc\x00")) {
			return filepath.Dir(line)
		}
	}
	t.Fatal("the pod has no process")
	return ""
}

// writable lists files and folders that the process of a folder in /proc may write
// to, kernel files aside, by being who it is and looking around.
func writable(t *testing.T, proc string) []string {
	t.Helper()
	root := proc + "/root/" // followed, for the slash
	cmd := exec.Command("find", root, "(", "-path", root+"proc", "-o", "-path", root+"host/proc", ")", "-prune",
		"-o", "(", "-type", "f", "-o", "-type", "d", ")", "-writable", "-printf", "/%P\n")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // what it may not enter is an error to find
		t.Fatal(err)
	}
	found := strings.Fields(string(out))
	slices.Sort(found)
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
