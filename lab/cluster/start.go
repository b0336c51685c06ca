package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// T is what Start needs of a *testing.T.
type T interface {
	Helper()
	Name() string
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Errorf(string, ...any)
	Fatalf(string, ...any)
	Logf(string, ...any)
}

// shared is the lab that the tests of a binary have in common.
var shared struct {
	sync.Mutex
	cluster *Cluster
}

var labs atomic.Int32

// Start returns the lab of this test binary, which the first test that asks
// starts: a control plane without nodes. It ends with the tests.
func Start(t T) *Cluster {
	t.Helper()
	c, err := Shared(t.Context())
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// Shared returns the lab of this process, which must have begun with Main; the
// first that asks starts it. It ends with the process.
func Shared(ctx context.Context) (*Cluster, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		return shared.cluster, nil
	}
	dir, err := nextFolder()
	if err != nil {
		return nil, err
	}
	c, err := Up(ctx, dir)
	if err != nil {
		return nil, err
	}
	shared.cluster = c
	return c, nil
}

// StartOwn starts a lab for this test alone.
func StartOwn(t T) *Cluster {
	t.Helper()
	c, err := Up(t.Context(), folder(t))
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := Down(context.Background(), c.Dir); err != nil {
			t.Errorf("%v", err)
		}
	})
	return c
}

// folder is where the next lab of this binary may be.
func folder(t T) string {
	t.Helper()
	dir, err := nextFolder()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return dir
}

func nextFolder() (string, error) {
	base := os.Getenv(baseVariable)
	if base == "" {
		return "", errors.New("a lab that ends with its process: begin with cluster.Main")
	}
	return filepath.Join(base, strconv.Itoa(int(labs.Add(1)))), nil
}

func endShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		return nil
	}
	return Down(context.Background(), shared.cluster.Dir)
}

// StartNode starts a node for this test: it is Ready when it returns, and removed
// when the test is over. When the test fails, the ends of its logs are shown.
func (c *Cluster) StartNode(t T, config NodeConfig) *Node {
	t.Helper()
	began := time.Now()
	n, err := c.Node(t.Context(), config)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Logf("node %s is Ready after %s", n.Name, time.Since(began).Round(100*time.Millisecond))
	t.Cleanup(func() {
		if t.Failed() {
			for _, part := range []string{"kubelet", "containerd"} {
				t.Logf("the end of %s's log:\n%s", n.part(part), c.tail(n.part(part)))
			}
		}
		if err := n.Remove(context.Background()); err != nil {
			t.Errorf("%v", fmt.Errorf("remove node %s: %w", n.Name, err))
		}
	})
	return n
}

// StartPods makes the pods of a workload for this test: all are Ready when it
// returns, and gone when the test is over.
func (c *Cluster) StartPods(t T, w Workload) {
	t.Helper()
	if err := c.Run(t.Context(), w); err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), w); err != nil {
			t.Errorf("%v", err)
		}
	})
}
