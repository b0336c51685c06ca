package cluster

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
)

func sleeper(t *testing.T, environment ...string) proc {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.Env = environment
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { cmd.Wait(); close(gone) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-gone })
	p, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProcessIsEndedOnlyIfItIsTheOne(t *testing.T) {
	p := sleeper(t)
	another := proc{p.PID, p.Start + "1"}
	if another.runs() {
		t.Error("a process with another start is taken for it")
	}
	if err := another.end(syscall.SIGKILL); err != nil || !p.runs() {
		t.Errorf("a process was ended for another one: %v", err)
	}
	if err := p.end(syscall.SIGTERM); err != nil || p.runs() {
		t.Errorf("it still runs: %v", err)
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestProcessesOfALabAreFoundByItsFolder(t *testing.T) {
	dir := t.TempDir()
	ours := sleeper(t, "PATH=/bin", labVariable+"="+dir, partVariable+"=n1/kubelet")
	sleeper(t, labVariable+"="+dir+"2")
	sleeper(t, "NOT_"+labVariable+"="+dir)
	found, err := marked(dir)
	if err != nil || !slices.Equal(found, []proc{ours}) {
		t.Errorf("found %v, %v; want %v", found, err, ours)
	}
	if err := killMarked(dir); err != nil || ours.runs() {
		t.Errorf("it still runs: %v", err)
	}
}

func TestParseStat(t *testing.T) {
	const rest = " 1 1234 1234 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 967411 1 2"
	for line, want := range map[string][2]string{
		"1234 (sleep) S" + rest:        {"S", "967411"},
		"1234 (a) b (c) Z 1) Z" + rest: {"Z", "967411"},
		"1234 (cut) S 1 2":             {"", ""},
		"":                             {"", ""},
	} {
		state, start := parseStat([]byte(line))
		if state != want[0] || start != want[1] {
			t.Errorf("%q: state %q, start %q", line, state, start)
		}
	}
	if p, err := identify(os.Getpid()); err != nil || !p.runs() {
		t.Errorf("this process: %v, %v", p, err)
	}
}
