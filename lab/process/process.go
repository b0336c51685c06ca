// Package process runs a program beside this one for as long as this one needs
// it: it reads where the program listens from its log, keeps the last lines in
// case it dies, and has the kernel kill it when this process is killed.
package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// A Process is a started program.
type Process struct {
	Name string

	cmd  *exec.Cmd
	log  *log
	done chan struct{}
	err  error // once done is closed
}

// Options say how a program is started.
type Options struct {
	Name string // for messages
	Path string
	Args []string
	Dir  string
	Env  []string     // nil is this process's own
	Line func(string) // gets every line that the program writes, unless nil
}

// Start starts a program in a process group of its own, so that ^C in the
// terminal stops it in the order that the caller wants.
func Start(o Options) (*Process, error) {
	cmd := exec.Command(o.Path, o.Args...)
	cmd.Dir, cmd.Env = o.Dir, o.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{Name: o.Name, cmd: cmd, log: newLog(o.Line), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	// A program that left a child behind with our pipe must not hold up Wait.
	cmd.WaitDelay = time.Second
	if err := forever(cmd.Start); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err explains why a program ended that should not have: its last words
// included. Call it after Done.
func (p *Process) Err() error {
	how := "it ended by itself"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s: %s; its last words:\n%s", p.Name, how, p.log.tail())
}

// Address waits until the program says in its log that it listens, and returns
// where: msg="Listening on" address=127.0.0.1:43231, as every Prometheus
// program does.
func (p *Process) Address(ctx context.Context) (string, error) {
	select {
	case address := <-p.log.address:
		return address, nil
	case <-p.done:
		return "", p.Err()
	case <-ctx.Done():
		return "", fmt.Errorf("%s: does not listen: %w; its last words:\n%s", p.Name, context.Cause(ctx), p.log.tail())
	}
}

// Stop asks the program to end, kills it after grace, and returns once it is
// gone: nil if it ended well.
func (p *Process) Stop(grace time.Duration) error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s: killed, it did not end within %s of being asked", p.Name, grace)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
		return nil
	}
	return p.err
}

var (
	starts = make(chan func())
	once   sync.Once
)

// forever calls start on a thread that lives as long as this process: the death
// signal of a child is sent when the thread that started it ends.
func forever(start func() error) error {
	once.Do(func() {
		go func() {
			runtime.LockOSThread()
			for start := range starts {
				start()
			}
		}()
	})
	result := make(chan error)
	starts <- func() { result <- start() }
	return <-result
}
