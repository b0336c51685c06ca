//go:build e2e

package cluster

import (
	"context"
	"errors"
	"testing"

	"github.com/nodeheadroom/headroom/lab/disk"
)

func TestTasksAndMemoryAreTakenAndGivenBack(t *testing.T) {
	c := Start(t)
	n := c.StartNode(t, NodeConfig{})
	const tasks, bytes = 3000, 300 << 20
	before, err := n.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	loads := make([]*Load, 2)
	if loads[0], err = c.TakeTasks(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	if loads[1], err = c.TakeMemory(t.Context(), bytes); err != nil {
		t.Fatal(err)
	}
	during, err := n.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if more := *during.Node.Rlimit.CurProc - *before.Node.Rlimit.CurProc; more < tasks-500 {
		t.Errorf("%d tasks more, want about %d", more, tasks)
	}
	for _, l := range loads {
		roots, err := hierarchies()
		if err != nil {
			t.Fatal(err)
		}
		for _, root := range roots {
			if got := members(root + l.cgroup); len(got) != 1 {
				t.Errorf("in the cgroup %s of %s: %v", root+l.cgroup, l.part, got)
			}
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
	after, err := n.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if more := *after.Node.Rlimit.CurProc - *before.Node.Rlimit.CurProc; more > 1000 {
		t.Errorf("%d tasks are still there", more)
	}
}

func TestAnImageTakesItsBallastAndEveryOneItsOwn(t *testing.T) {
	c := Start(t)
	n := c.StartNode(t, NodeConfig{Layout: TwoDisks})
	const ballast = 50 << 20
	for _, name := range []string{"localhost/a:1", "localhost/b:1"} {
		before, err := disk.Stat(n.ContainerdRoot())
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Load(t.Context(), Image{Name: name, Ballast: ballast}); err != nil {
			t.Fatal(err)
		}
		after, err := disk.Stat(n.ContainerdRoot())
		if err != nil {
			t.Fatal(err)
		}
		if taken := before.Available - after.Available; taken < ballast {
			t.Errorf("%s took %d bytes, want %d at least", name, taken, ballast)
		}
	}
	c.StartPods(t, Workload{Name: "own", Node: n, Image: "localhost/b:1", Containers: map[string][]string{"one": {"pause"}, "two": {"log", "1000"}}})
}

func TestAPodWritesAtTheRateAskedFor(t *testing.T) {
	c := Start(t)
	n := c.StartNode(t, NodeConfig{})
	c.StartPods(t, Workload{Name: "writer", Node: n, Containers: map[string][]string{"w": {"write", "/data/file", "20000000", "10000000"}}})
	before, err := disk.Stat(n.RootDir())
	if err != nil {
		t.Fatal(err)
	}
	err = Wait(t.Context(), "the file", func(ctx context.Context) error {
		s, err := disk.Stat(n.RootDir())
		if err == nil && before.Available-s.Available < 5_000_000 {
			err = errors.New("little has been written")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
