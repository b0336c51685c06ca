//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
)

// A checked is what headroom-exporter check has said.
type checked struct {
	status int
	stdout string
}

// check runs headroom-exporter check, which looks at the node with the flags that
// it has for it, and those given behind them.
func check(t *testing.T, n *cluster.Node, flags ...string) checked {
	t.Helper()
	args := slices.Concat([]string{"check"}, flagsFor(n), flags)
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), exporterPath(t), args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Errorf("headroom-exporter %s says on its standard error: %s", strings.Join(args, " "), &stderr)
	}
	return checked{cmd.ProcessState.ExitCode(), stdout.String()}
}

// A report is what check says in JSON, as far as these tests go by it.
type report struct {
	Status  int
	First   headroom.Signal
	Signals []struct {
		Signal                    headroom.Signal
		Available, Capacity, Hard *int64
		Met                       []string
	}
}

// checkJSON runs headroom-exporter check, wants that status of it, and decodes what
// it says.
func checkJSON(t *testing.T, n *cluster.Node, status int) report {
	t.Helper()
	said := check(t, n, "--output=json")
	var r report
	if err := json.Unmarshal([]byte(said.stdout), &r); err != nil {
		t.Fatalf("%v in\n%s", err, said.stdout)
	}
	if said.status != status || r.Status != status {
		t.Errorf("exit status %d, status %d, want %d in\n%s", said.status, r.Status, status, said.stdout)
	}
	return r
}

// met are the signals whose hard threshold is met.
func (r report) met() (all []headroom.Signal) {
	for _, s := range r.Signals {
		if slices.Contains(s.Met, "hard") {
			all = append(all, s.Signal)
		}
	}
	return all
}

func TestCheckSaysHowTheNodeStands(t *testing.T) {
	t.Parallel()
	_, n := startNode(t, cluster.NodeConfig{
		Layout: cluster.TwoDisks.Sized(1<<30, 1<<30),
		Kubelet: with(map[string]any{"evictionHard": map[string]any{
			"memory.available": "1Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%",
		}}),
	})
	seen, err := observe(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	percent := seen[headroom.NodeFSAvailable].Capacity / 100

	if r := checkJSON(t, n, 0); len(r.met()) > 0 {
		t.Errorf("far from every threshold some are met: %v", r.met())
	}
	leave(t, n, 12*percent)
	if r := checkJSON(t, n, 1); len(r.met()) > 0 || r.First != headroom.NodeFSAvailable {
		t.Errorf("two percent above it: %s is first, and met are %v", r.First, r.met())
	}
	leave(t, n, 9*percent)
	if r := checkJSON(t, n, 2); !slices.Equal(r.met(), []headroom.Signal{headroom.NodeFSAvailable}) {
		t.Errorf("below it met are %v", r.met())
	}

	if err := n.StopKubelet(); err != nil {
		t.Fatal(err)
	}
	var read []headroom.Signal
	for _, s := range checkJSON(t, n, 3).Signals {
		if s.Available != nil && s.Capacity != nil {
			read = append(read, s.Signal)
		}
		if s.Hard != nil {
			t.Errorf("without a kubelet a threshold of %s is shown", s.Signal)
		}
	}
	// Where the pods' cgroup is only the kubelet knows.
	want := slices.DeleteFunc(headroom.Signals(), func(s headroom.Signal) bool { return s == headroom.AllocatableMemoryAvailable })
	if !slices.Equal(read, want) {
		t.Errorf("without a kubelet %v are read, want %v", read, want)
	}
}

// leave leaves so many bytes of nodefs.
func leave(t *testing.T, n *cluster.Node, available int64) {
	t.Helper()
	if err := n.Nodefs.Leave(available); err != nil {
		t.Fatal(err)
	}
}
