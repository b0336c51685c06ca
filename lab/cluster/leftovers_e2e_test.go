//go:build e2e

package cluster

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/leftovers"
)

func stock(t *testing.T, p leftovers.Place) []string {
	t.Helper()
	lines, err := p.Stock()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// clean waits until everything is as before: the kernel takes a while to bury
// what was killed.
func clean(t *testing.T, p leftovers.Place, before []string) {
	t.Helper()
	err := Wait(t.Context(), "everything to be as before", func(context.Context) error { return p.Compare(before) })
	if err != nil {
		t.Error(err)
	}
}

func TestDownLeavesNothing(t *testing.T) {
	dir := folder(t)
	place := leftovers.Place{Base: filepath.Dir(dir), ID: Identity(dir)}
	before := stock(t, place)
	c, err := Up(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, layout := range []Layout{TwoDisks, OneXFS} {
		n, err := c.Node(t.Context(), NodeConfig{Layout: layout})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Run(t.Context(), Workload{Name: "on-" + n.Name, Node: n, Replicas: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.TakeTasks(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	during := stock(t, place)
	for _, kind := range []string{"mount", "loop", "link", "file", "cgroup", "process"} {
		if was, is := count(before, kind), count(during, kind); is <= was {
			t.Errorf("the stock does not show the lab: %d lines of kind %s before, %d with it", was, kind, is)
		}
	}
	for range 2 { // the second time there is nothing to do
		if err := Down(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		clean(t, place, before)
	}
}

func count(lines []string, kind string) int {
	n := 0
	for _, line := range lines {
		if strings.HasPrefix(line, kind) {
			n++
		}
	}
	return n
}

func TestANodeThatIsRemovedLeavesNothingButItsLogs(t *testing.T) {
	c := Start(t)
	place := leftovers.Place{Base: c.Dir, ID: c.ID}
	if _, err := c.worker(t.Context()); err != nil { // stays with the lab
		t.Fatal(err)
	}
	before := stock(t, place)
	n, err := c.Node(t.Context(), NodeConfig{Layout: TwoDisks})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context(), Workload{Name: "gone", Node: n}); err != nil {
		t.Fatal(err)
	}
	if err := n.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	clean(t, place, before)
	if pods, err := n.Pods(t.Context()); err != nil || len(pods) > 0 {
		t.Errorf("pods left: %v, %v", pods, err)
	}
}

// victim makes a test start a whole lab, say which, and wait to be killed.
const victim = "HEADROOM_LAB_VICTIM"

func TestVictim(t *testing.T) {
	path := os.Getenv(victim)
	if path == "" {
		return // it is one only for the next test
	}
	c := Start(t)
	n := c.StartNode(t, NodeConfig{})
	c.StartPods(t, Workload{Name: "victim", Node: n})
	if err := os.WriteFile(path+".new", []byte(c.ID), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	select {}
}

func TestATestBinaryThatIsKilledLeavesNothing(t *testing.T) {
	base, err := os.MkdirTemp("", "") // t.TempDir's name is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(base)
	place := leftovers.Place{Base: base}
	before := stock(t, place)
	said := filepath.Join(t.TempDir(), "id")
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestVictim$")
	cmd.Env = append(os.Environ(), victim+"="+said, "TMPDIR="+base)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = Wait(t.Context(), "the victim", func(context.Context) error {
		id, err := os.ReadFile(said)
		place.ID = string(id)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if during := stock(t, place); count(during, "cgroup") <= count(before, "cgroup") {
		t.Error("the stock does not show the victim")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	clean(t, place, before)
}
