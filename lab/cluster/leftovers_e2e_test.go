//go:build e2e

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// inventory is everything on this machine that a lab with that ID, in the folder
// base, could leave something in, one line each. Labs of others may come and go.
func inventory(t *testing.T, base, id string) []string {
	t.Helper()
	found := map[string]bool{}
	mounts, err := mountsBelow("/")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range mounts {
		if !strings.HasPrefix(path, os.TempDir()) || strings.HasPrefix(path, base) {
			found["mount "+path] = true
		}
	}
	for _, loop := range loopsBelow(base) {
		found["loop device "+loop] = true
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		found["link "+link.Name] = true
	}
	for _, name := range settings {
		value, _ := os.ReadFile("/proc/sys/" + name)
		found["setting "+name+" "+string(value)] = true
	}
	for _, dir := range []string{"/run", "/run/netns", "/var/lib", "/var/lib/cni", "/var/log", "/opt", "/etc", "/usr/libexec", base} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, entry := range entries {
			found["file "+filepath.Join(dir, entry.Name())] = true
		}
	}
	maps.Copy(found, cgroups(t, id))
	maps.Copy(found, processes(t))
	return slices.Sorted(maps.Keys(found))
}

// cgroups lists cgroups but those of other labs.
func cgroups(t *testing.T, id string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(cgroupRoot, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (!strings.Contains(path, "/hr") || strings.Contains(path, id)) {
			found["cgroup "+path] = true
		}
		return nil // one may vanish meanwhile
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func processes(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, err := identify(pid); err == nil {
			line, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
			found[fmt.Sprintf("process %d of %s: %q", p.PID, p.Start, strings.ReplaceAll(string(line), "\x00", " "))] = true
		}
	}
	return found
}

// clean waits until everything is as before: the kernel takes a while to bury
// what was killed.
func clean(t *testing.T, before []string, base, id string) {
	t.Helper()
	err := Wait(t.Context(), "everything to be as before", func(context.Context) error {
		now := inventory(t, base, id)
		for _, line := range now {
			if !slices.Contains(before, line) {
				return fmt.Errorf("left: %s", line)
			}
		}
		for _, line := range before {
			if !slices.Contains(now, line) {
				return fmt.Errorf("missing: %s", line)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDownLeavesNothing(t *testing.T) {
	dir := folder(t)
	base, id := filepath.Dir(dir), identity(dir)
	before := inventory(t, base, id)
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
	for _, kind := range []string{"mount", "loop", "link", "file", "cgroup", "process"} {
		was, is := count(before, kind), count(inventory(t, base, id), kind)
		if is <= was {
			t.Errorf("the inventory does not see the lab: %d lines of kind %s before, %d now", was, kind, is)
		}
	}
	for range 2 { // the second time there is nothing to do
		if err := Down(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		clean(t, before, base, id)
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
	base := filepath.Dir(c.Dir)
	before := inventory(t, base, c.ID)
	n, err := c.Node(t.Context(), NodeConfig{Layout: TwoDisks})
	if err != nil {
		t.Fatal(err)
	}
	w := Workload{Name: "gone", Node: n}
	if err := c.Run(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if err := n.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	clean(t, before, base, c.ID)
	if pods, err := n.Pods(t.Context()); err != nil || len(pods) > 0 {
		t.Errorf("pods left: %v, %v", pods, err)
	}
}

// victim makes a test start a whole lab, say where, and wait to be killed.
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
	said := filepath.Join(t.TempDir(), "id")
	before := inventory(t, base, "none")
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestVictim$")
	cmd.Env = append(os.Environ(), victim+"="+said, roleVariable+"=", "TMPDIR="+base)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var id []byte
	err = Wait(t.Context(), "the victim", func(context.Context) (err error) {
		id, err = os.ReadFile(said)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if got := cgroups(t, string(id)); len(got) == len(cgroups(t, "none")) {
		t.Error("the victim has no cgroup")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	clean(t, before, base, string(id))
}
