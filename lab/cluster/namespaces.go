package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// A test binary runs as several processes of itself, each knowing by this which
// one it is.
const (
	roleVariable = "HEADROOM_LAB_ROLE"
	baseVariable = "HEADROOM_LAB_BASE"
)

// Main runs a test binary's tests, or whatever else a program does with a lab, in
// mount, process and network namespaces of its own, and returns its exit code.
// Whatever happens to it, kill -9 included, nothing of its labs stays behind: the
// namespaces end with their first process and take processes, mounts, loop devices
// and networks along; a sweeper outside removes cgroups and folders.
// The lab's programs are built first, where there is a network.
//
//	func TestMain(m *testing.M) { os.Exit(cluster.Main(m.Run)) }
func Main(run func() int) int {
	var code int
	var err error
	switch os.Getenv(roleVariable) {
	case "":
		code, err = outside()
	case "sweeper":
		err = sweep(os.Stdin, os.Getenv(baseVariable))
	case "init":
		code, err = first()
	default:
		os.Unsetenv(roleVariable) // not for what the tests start
		code = run()
		err = endShared()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		return max(code, 1)
	}
	return code
}

// outside starts the sweeper and the first process of the namespaces and waits
// for both.
func outside() (int, error) {
	if err := Install(context.Background(), os.Stderr); err != nil {
		return 1, err
	}
	if lacks := Lacks(); len(lacks) > 0 {
		return 1, fmt.Errorf("this machine lacks %v", lacks)
	}
	if _, err := locate(); err != nil {
		return 1, err
	}
	base, err := os.MkdirTemp("", "headroom-lab-")
	if err != nil {
		return 1, err
	}
	sweeper, alarm, err := startSweeper(base)
	if err != nil {
		return 1, err
	}
	runtime.LockOSThread() // the death signal is this thread's
	cmd := self("init", base)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = pass(cmd)
	alarm.Close()
	swept := sweeper.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), swept
	}
	return 0, errors.Join(err, swept)
}

// self is this program again, in another role.
func self(role, base string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), roleVariable+"="+role, baseVariable+"="+base)
	return cmd
}

// pass runs cmd and passes signals on to it. SIGQUIT is what go test sends to a
// test that takes too long.
func pass(cmd *exec.Cmd) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-signals:
				cmd.Process.Signal(s)
			case <-done:
				return
			}
		}
	}()
	return cmd.Wait()
}

// first is process 1 of the namespaces: it runs the tests, buries what they leave
// behind, and takes everything with it when they end.
func first() (int, error) {
	// What is mounted here stays here; what another lab unmounts outside must not
	// live on in here.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SLAVE, ""); err != nil {
		return 1, fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return 1, fmt.Errorf("mount /proc: %w", err)
	}
	if err := ip(context.Background(), "link set lo up"); err != nil {
		return 1, err
	}
	tests := self("tests", os.Getenv(baseVariable))
	tests.Stdin, tests.Stdout, tests.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	if err := tests.Start(); err != nil {
		return 1, err
	}
	go func() {
		for s := range signals {
			tests.Process.Signal(s)
		}
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1, fmt.Errorf("wait: %w", err)
		case pid == tests.Process.Pid && status.Exited():
			return status.ExitStatus(), nil
		case pid == tests.Process.Pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		}
	}
}
