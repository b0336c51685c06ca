package cluster

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Load takes processes or memory of the machine until it is released, in a
// cgroup of the lab's, which bounds it.
type Load struct {
	part    string
	cgroup  string
	cluster *Cluster
}

// TakeTasks starts so many tasks (threads) more on the machine, and returns once
// they are there.
func (c *Cluster) TakeTasks(ctx context.Context, count int) (*Load, error) {
	return c.take(ctx, "tasks", strconv.Itoa(count), map[string]string{"pids.max": strconv.Itoa(count + 1000)})
}

// TakeMemory touches so many bytes more of the machine's memory, and returns once
// they are there.
func (c *Cluster) TakeMemory(ctx context.Context, bytes int64) (*Load, error) {
	most := strconv.FormatInt(bytes+64<<20, 10)
	return c.take(ctx, "memory", strconv.FormatInt(bytes, 10), map[string]string{"memory.limit_in_bytes": most, "memory.max": most})
}

func (c *Cluster) take(ctx context.Context, what, amount string, bounds map[string]string) (*Load, error) {
	worker, err := c.worker(ctx)
	if err != nil {
		return nil, err
	}
	c.loads.Add(1)
	l := &Load{part: fmt.Sprintf("load/%s-%d", what, c.loads.Load()), cluster: c}
	l.cgroup = "/" + c.ID + "/" + l.part
	enter, err := c.Join(l.part)
	if err != nil {
		return nil, err
	}
	for name, value := range bounds {
		if err := setCgroup(l.cgroup, name, value); err != nil {
			return nil, err
		}
	}
	if err := c.spawn(l.part, enter, worker, what, amount); err != nil {
		return nil, err
	}
	return l, Wait(ctx, "the worker to take "+amount+" of "+what, func(context.Context) error {
		if err := c.alive(l.part); err != nil {
			return err
		}
		if data, err := os.ReadFile(c.logPath(l.part)); err != nil || !strings.Contains(string(data), "done") {
			return fmt.Errorf("it is still at it: %s", data)
		}
		return nil
	})
}

// Release gives it all back.
func (l *Load) Release() error {
	if err := l.cluster.stop(l.part, unix.SIGKILL); err != nil {
		return err
	}
	return emptyCgroup(l.cgroup)
}
