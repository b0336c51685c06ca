// Package stage gives a program a place of its own to play on: mount and
// process namespaces, in which it may mount a small real disk, and which take
// everything with them when the program ends, however it ends. Nothing of it is
// ever seen outside, so that nothing can be left behind there, not even by
// kill -9.
//
// Root gets an ext4 on a loop device. Anybody else gets a tmpfs of limited size,
// in a user namespace as well.
//
//	func main() {
//		if !stage.Inside() {
//			os.Exit(stage.Enter(os.Stderr))
//		}
//		s, err := stage.Open()
//		…
//	}
package stage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// marker tells the program that it is the one inside.
const marker = "HEADROOM_STAGE"

// Inside reports whether this process is the one that Enter started.
func Inside() bool { return os.Getenv(marker) != "" && os.Getpid() == 1 }

// Patience is how long the program inside may take to end once it was asked to.
const Patience = 10 * time.Second

// Enter runs this program again, with the same arguments, as process 1 of new
// namespaces, and returns the exit code that it ended with, 1 if it could not
// be started. SIGINT, SIGTERM and SIGHUP are passed on as SIGTERM; whoever does not
// end within Patience, or is asked twice, is killed. If this process is killed,
// so is everything inside.
func Enter(stderr io.Writer) int {
	runtime.LockOSThread() // the death signal is this thread's
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		becomeRoot(cmd.SysProcAttr)
	}
	signals := make(chan os.Signal, 1)
	// For good: a second ^C must not kill this process while it ends.
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(stderr, "no namespaces of our own: %v: be root, or allow user namespaces (make doctor says more)\n", err)
		return 1
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return code(await(cmd.Process, signals, done))
}

// becomeRoot maps the user to root of a user namespace, who may mount in it.
func becomeRoot(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}

// await passes signals on until the process has ended.
func await(p *os.Process, signals <-chan os.Signal, done <-chan error) error {
	var impatient <-chan time.Time
	for {
		select {
		case err := <-done:
			return err
		case <-signals:
			if impatient != nil {
				p.Kill()
				continue
			}
			p.Signal(syscall.SIGTERM)
			impatient = time.After(Patience)
		case <-impatient:
			p.Kill()
		}
	}
}

func code(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	default: // killed
		return 137
	}
}
