package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeheadroom/headroom/lab/tools"
)

// The whole demo, with every program, stopped as soon as all of them run.
func TestTheWholeDemoLeavesNothingBehindWhenStopped(t *testing.T) {
	if err := tools.Build(t.Context(), []string{"prometheus", "alertmanager"}, t.Output()); err != nil {
		t.Fatal(err)
	}
	dir := repository(t)
	for signal, code := range map[syscall.Signal]int{
		syscall.SIGINT:  130,
		syscall.SIGTERM: 130,
		syscall.SIGKILL: -1,
	} {
		t.Run(signal.String(), func(t *testing.T) {
			r := startAgain(t, whole, dir, user{})
			for r.out.Scan() && !strings.Contains(r.out.Text(), " started ") {
			}
			if n := len(processes(r.name)); n != 10 { // two of ours, four writers, four programs
				t.Errorf("%d processes run", n)
			}
			r.cmd.Process.Signal(signal)
			for r.out.Scan() {
			}
			var exit *exec.ExitError
			if err := r.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != code {
				t.Errorf("it ended with %v, want %d", err, code)
			}
			r.leavesNothing(t)
		})
	}
}

// repository is a folder like the repository's, with both programs built.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	real, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rules", "deploy", "lab"} {
		if err := os.Symlink(filepath.Join(real, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+"/", "./cmd/...")
	build.Dir = real
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}
