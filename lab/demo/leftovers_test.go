package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// However the demo ends, nothing of it is left: no process, no mount, no loop
// device, no file.
func TestNothingIsLeftBehind(t *testing.T) {
	for _, who := range users() {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
			t.Run(fmt.Sprintf("%s, %s", who.name, signal), func(t *testing.T) {
				t.Parallel()
				r := startRehearsal(t, who)
				if want := who.filesystem + " true"; r.line() != want {
					t.Errorf("it says %q, want %q", r.said, want)
				}
				if r.line() != "waiting" {
					t.Fatalf("it says %q", r.said)
				}
				if len(processes(r.name)) < 6 { // two of ours, four writers
					t.Errorf("the test does not see what it looks for: %v", processes(r.name))
				}
				r.cmd.Process.Signal(signal)
				if signal != syscall.SIGKILL && r.line() != "lost nothing: true true" {
					t.Errorf("it says %q", r.said)
				}
				r.cmd.Wait()
				r.leavesNothing(t)
			})
		}
	}
}

type user struct {
	name       string
	filesystem string
	credential *syscall.Credential // nil is our own
}

// users are everybody whom this test can be: root can be anybody.
func users() []user {
	if os.Geteuid() != 0 {
		return []user{{"not root", "tmpfs", nil}}
	}
	return []user{
		{"root", rootsFilesystem(), nil},
		{"not root", "tmpfs", &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}},
	}
}

func rootsFilesystem() string {
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return "tmpfs"
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		return "tmpfs"
	}
	return "ext4"
}

// A running rehearsal.
type running struct {
	name string
	cmd  *exec.Cmd
	out  *bufio.Scanner
	said string
	tmp  string
}

func startRehearsal(t *testing.T, who user) *running {
	t.Helper()
	return startAgain(t, rehearsal, "/", who)
}

// startAgain starts this test binary as what the variable says, in dir.
func startAgain(t *testing.T, variable, dir string, who user) *running {
	t.Helper()
	r := &running{name: fmt.Sprintf("again-%d-%d", os.Getpid(), time.Now().UnixNano()), tmp: t.TempDir()}
	// By /proc/self/exe it can be run where the way to it is closed to others.
	r.cmd = exec.Command("/proc/self/exe")
	r.cmd.Dir = dir
	r.cmd.Env = append(os.Environ(), variable+"="+r.name, "TMPDIR="+r.tmp)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who.credential}
	r.cmd.Stderr = t.Output()
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewScanner(out)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

// line reads the next line that it says.
func (r *running) line() string {
	r.said = ""
	if r.out.Scan() {
		r.said = r.out.Text()
	}
	return r.said
}

// leavesNothing waits for the kernel to clear away, which it does on its own
// time after a kill.
func (r *running) leavesNothing(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		left := append(append(processes(r.name), loops(r.name)...), mounts(r.name)...)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if files, err := os.ReadDir(r.tmp); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// processes finds those whose environment has name.
func processes(name string) (found []string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		environ, _ := os.ReadFile(path)
		if bytes.Contains(environ, []byte("="+name+"\x00")) {
			found = append(found, filepath.Dir(path))
		}
	}
	return found
}

// loops finds loop devices with an image of that name.
func loops(name string) (found []string) {
	paths, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, path := range paths {
		image, _ := os.ReadFile(path)
		if bytes.Contains(image, []byte(name)) {
			found = append(found, path)
		}
	}
	return found
}

// mounts finds mount points of that name, in our own namespace.
func mounts(name string) (found []string) {
	table, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, name) {
			found = append(found, line)
		}
	}
	return found
}
