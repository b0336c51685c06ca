package oracle

import (
	"testing"
	"time"

	"k8s.io/kubernetes/pkg/kubelet/stats/pidlimit"

	"github.com/nodeheadroom/headroom/node"
)

// On this very machine, whose tasks come and go: what counts is what the kubelet
// reads between two readings that are equal.
func TestPIDsOfThisMachine(t *testing.T) {
	c := compare(t)
	here := node.Host{Proc: "/proc"}
	for deadline := time.Now().Add(time.Minute); c.compared < 1000; {
		before, err1 := here.PIDs()
		stats, err2 := pidlimit.Stats()
		after, err3 := here.PIDs()
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatal(err1, err2, err3)
		}
		if before.Available != after.Available || before.Capacity != after.Capacity {
			if time.Now().After(deadline) {
				t.Fatal("this machine does not hold still for three reads")
			}
			continue
		}
		c.compared++
		if available := *stats.MaxPID - *stats.NumOfRunningProcesses; available != after.Available || *stats.MaxPID != after.Capacity {
			c.differ("the kubelet has %d of %d, we have %+v", available, *stats.MaxPID, after)
		}
	}
}
