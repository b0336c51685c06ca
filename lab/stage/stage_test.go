package stage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// acts are what the test binary does on a stage; its exit code is their answer.
var acts = map[string]func() int{
	"code": func() int { return 42 },
	"disk": actDisk,
	"alone": func() int {
		if os.Getpid() != 1 || os.Geteuid() != 0 {
			return 1
		}
		return 0
	},
	"stubborn": func() int {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("up")
		time.Sleep(time.Hour)
		return 0
	},
}

func TestMain(m *testing.M) {
	act := acts[os.Getenv("STAGE_ACT")]
	switch {
	case act == nil:
		os.Exit(m.Run())
	case !Inside():
		os.Exit(Enter(os.Stderr))
	default:
		os.Exit(act())
	}
}

// actDisk mounts a disk, fills it, and says what it is.
func actDisk() int {
	s, err := Open(os.Args[0])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	d, err := s.Disk("disk", 16<<20)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	before, err := d.Space()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	full := os.WriteFile(filepath.Join(d.Path, "file"), make([]byte, 32<<20), 0o600)
	after, _ := d.Space()
	fmt.Println(d.Type, before.Capacity > 8<<20 && before.Capacity <= 16<<20, errors.Is(full, unix.ENOSPC), after.Available < 1<<20)
	return 0
}

func command(act string, credential *syscall.Credential) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "STAGE_ACT="+act)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	return cmd
}

// credentials are everybody whom this test can be.
func credentials() map[string]*syscall.Credential {
	if os.Geteuid() != 0 {
		return map[string]*syscall.Credential{"tmpfs": nil}
	}
	all := map[string]*syscall.Credential{"tmpfs": {Uid: 65534, Gid: 65534, NoSetGroups: true}}
	if _, err := exec.LookPath("mkfs.ext4"); err == nil {
		if _, err := os.Stat("/dev/loop-control"); err == nil {
			all["ext4"] = nil
		}
	}
	return all
}

func TestTheExitCodeIsTheOneFromInside(t *testing.T) {
	for _, credential := range credentials() {
		var exit *exec.ExitError
		if err := command("code", credential).Run(); !errors.As(err, &exit) || exit.ExitCode() != 42 {
			t.Errorf("%v", err)
		}
	}
}

func TestInsideOneIsRootAndProcessOne(t *testing.T) {
	for filesystem, credential := range credentials() {
		if out, err := command("alone", credential).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", filesystem, err, out)
		}
	}
}

func TestTheDiskIsAsLargeAsAskedForAndFillsUp(t *testing.T) {
	for filesystem, credential := range credentials() {
		out, err := command("disk", credential).CombinedOutput()
		if want := filesystem + " true true true\n"; err != nil || string(out) != want {
			t.Errorf("%v: %s, want %s", err, out, want)
		}
	}
}

func TestWhoeverDoesNotEndIsKilledWhenAskedTwice(t *testing.T) {
	cmd := command("stubborn", nil)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 137 {
				t.Errorf("%v", err)
			}
			return
		default: // signals of a kind merge: ask until it has been heard twice
			cmd.Process.Signal(syscall.SIGTERM)
		}
	}
}

func TestAStageDoesNotHideWhatIsNeeded(t *testing.T) {
	for name, test := range map[string]struct {
		needed []string
		want   bool
	}{
		"elsewhere":                  {[]string{"/usr/bin/env", "/"}, false},
		"in it":                      {[]string{"/mnt/go/bin/prometheus"}, true},
		"the folder itself":          {[]string{"/mnt"}, true},
		"a name that begins like it": {[]string{"/mnt2/x"}, false},
	} {
		if got := hides("/mnt", test.needed); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := place([]string{"/mnt/a", "/media/a", "/srv/a", "/opt/a", "/tmp/a"}); err == nil || !strings.Contains(err.Error(), "/srv") {
		t.Errorf("error %v", err)
	}
}

func TestOutsideThereIsNoStage(t *testing.T) {
	if _, err := Open(); err == nil {
		t.Error("it mounts outside")
	}
}
