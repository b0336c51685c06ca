//go:build e2e

package machine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// victim makes a test boot a machine, say where it is, and wait to be killed.
const victim = "HEADROOM_MACHINE_VICTIM"

func TestVictim(t *testing.T) {
	path := os.Getenv(victim)
	if path == "" {
		return // only as the victim of the next
	}
	m := New(t)
	m.Boot(t)
	c := cluster.Start(t)
	if err := os.WriteFile(path+".new", []byte(c.ID+" "+c.Dir), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	select {}
}

func TestATestThatIsKilledLeavesNothingOfItsMachine(t *testing.T) {
	said := filepath.Join(t.TempDir(), "booted")
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestVictim$")
	// Not as a part of this lab, but with one of its own.
	cmd.Env = append(os.Environ(), victim+"="+said, "HEADROOM_LAB_ROLE=", "HEADROOM_LAB_BASE=")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var id, dir string
	err := cluster.Wait(t.Context(), "the victim's machine", func(context.Context) error {
		data, err := os.ReadFile(said)
		id, dir, _ = strings.Cut(string(data), " ")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if len(left(t, id, dir)) < 3 {
		t.Errorf("the test does not see what it looks for: %v", left(t, id, dir))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	err = cluster.Wait(t.Context(), "nothing to be left", func(context.Context) error {
		if found := left(t, id, dir); len(found) > 0 {
			return fmt.Errorf("there are %v", found)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// left lists what there is of a lab: its cgroups, its folder, and processes that
// were started with it.
func left(t *testing.T, id, dir string) []string {
	t.Helper()
	found, err := filepath.Glob("/sys/fs/cgroup/*/" + id)
	if err != nil {
		t.Fatal(err)
	}
	if exists(dir) {
		found = append(found, dir)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if data, err := os.ReadFile(line); err == nil && bytes.Contains(data, []byte("--directory="+dir+"/")) {
			found = append(found, filepath.Dir(line))
		}
	}
	return found
}
