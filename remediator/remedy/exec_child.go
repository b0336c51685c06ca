package remedy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A child is one run of a program.
type child struct {
	program  *os.File // started by this descriptor
	args     []string // with the program's path as the first
	question io.Reader
	timeout  time.Duration
	// grace is how long it has to stop once told to, and how long its output is
	// read after it ended.
	grace time.Duration
}

// run starts the program and returns when it is over and its process group is
// empty. What it says goes to a as it comes.
func (c child) run(ctx context.Context, a *answer) error {
	// The kernel kills the program when the thread that started it ends, so that
	// thread must be ours until then.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	ctx, stop := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("stopped: it took longer than %s", c.timeout))
	defer stop()
	ctx, quit := context.WithCancelCause(ctx)
	defer quit(nil)

	out, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	var complaint tail
	cmd := c.command(&complaint)
	cmd.Stdout = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("start %s: %w", printable(c.args[0]), err)
	}

	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(a, out)
		if err != nil {
			quit(err)
		}
		read <- err
	}()
	awaitEnd(ctx, cmd.Process.Pid, c.grace)
	stopped := context.Cause(ctx) // later it can no longer be why the program ended
	exit := cmd.Wait()
	// A descendant that left the group may hold the pipe open.
	out.SetReadDeadline(time.Now().Add(c.grace))
	err = <-read
	return c.verdict(stopped, a, err, exit, complaint.String())
}

// command builds the program's start. Descriptor 3 is the program itself.
func (c child) command(stderr io.Writer) *exec.Cmd {
	return &exec.Cmd{
		Path:       "/proc/self/fd/3",
		Args:       c.args,
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"},
		Dir:        "/",
		Stdin:      c.question,
		Stderr:     stderr,
		ExtraFiles: []*os.File{c.program},
		WaitDelay:  c.grace,
		SysProcAttr: &syscall.SysProcAttr{
			Setpgid:   true,
			Pdeathsig: syscall.SIGKILL,
		},
	}
}

// awaitEnd returns when the program has ended, by itself or because ctx did. It
// kills what is left of the process group while the program is still unreaped:
// until then the group's number cannot be another's.
func awaitEnd(ctx context.Context, pid int, grace time.Duration) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		unix.Kill(-pid, unix.SIGTERM)
		select {
		case <-ended:
		case <-time.After(grace):
		}
	}
	unix.Kill(-pid, unix.SIGKILL)
	<-ended
}

// verdict says why the program failed, if it did, most telling reason first.
func (c child) verdict(stopped error, a *answer, read, exit error, complaint string) error {
	err := stopped
	if err == nil && exit != nil && !errors.Is(exit, exec.ErrWaitDelay) {
		err = exit
	}
	if err == nil && read != nil && !errors.Is(read, os.ErrDeadlineExceeded) {
		err = read
	}
	if err == nil {
		err = a.end()
	}
	if err == nil {
		return nil
	}
	if complaint != "" {
		return fmt.Errorf("%s: %w: stderr: %q", printable(c.args[0]), err, complaint)
	}
	return fmt.Errorf("%s: %w", printable(c.args[0]), err)
}

// A tail keeps the last bytes written to it.
type tail struct{ kept []byte }

// maxComplaint is how much of a program's standard error is kept.
const maxComplaint = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-maxComplaint):]...)
	t.kept = t.kept[max(0, len(t.kept)-maxComplaint):]
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.kept)) }
