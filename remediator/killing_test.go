package remediator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// This test program plays two parts besides its own: the remediator that is
// killed at a step, and processes that write while it is.
const (
	dieAtEnv = "HEADROOM_TEST_DIE_AT" // the step
	actorEnv = "HEADROOM_TEST_ACTOR"  // one of actors
)

func TestMain(m *testing.M) {
	if step := os.Getenv(dieAtEnv); step != "" {
		os.Exit(dyingAt(step).Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	if name := os.Getenv(actorEnv); name != "" {
		if err := actors[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	nodetest.Main(m)
}

// dyingAt is the program that kills itself at a step, and that no step passes of
// which no remedy says that it is one: nothing would be killed there.
func dyingAt(step string) Program {
	return Program{Step: func(name string) {
		if !slices.ContainsFunc(remedy.All, func(r remedy.Remedy) bool { return slices.Contains(r.Steps(), name) }) {
			fmt.Fprintf(os.Stderr, "%q is a step and in no remedy's Steps\n", name)
			os.Exit(1)
		}
		if name == step {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it has arrived
		}
	}}
}

// dies runs the program, which is to die at that step once it is asked by an
// alert for the signal.
func (m *machine) dies(step string, signal headroom.Signal) {
	m.t.Helper()
	cmd := exec.Command("/proc/self/exe", m.args("--no-dry-run")...)
	cmd.Env = append(nothingOnPath, dieAtEnv+"="+step)
	p := &process{program: &program{machine: m, token: "a-long-and-secret-token", stderr: &output{}}, cmd: cmd}
	cmd.Stderr = p.stderr
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	gone := make(chan error, 1)
	m.t.Cleanup(func() { cmd.Process.Kill(); <-gone })
	go func() { gone <- cmd.Wait(); close(gone) }()
	p.listens()
	if !p.offer(alerts(signal)) {
		m.t.Fatalf("the alert was not accepted:\n%s", p.stderr)
	}
	until(m.t, "it dies at "+step, p.stderr.String, func() bool {
		select {
		case <-gone:
			return true
		default:
			return false
		}
	})
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
		m.t.Fatalf("it ended with %v:\n%s", cmd.ProcessState, p.stderr)
	}
}

// An actor is a process beside the program.
type actor struct {
	t  *testing.T
	in io.WriteCloser
	// out is what it answers, a byte for each act.
	out io.Reader
}

// actors say that they are ready, and once more after each line that they read.
var actors = map[string]func(args []string) error{
	// A runtime: each line goes to the end of its log.
	"append": func(args []string) error {
		f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		return acting(func() error { _, err := f.WriteString(writtenLater); return err })
	},
	"journald": func(args []string) error {
		d, err := newJournald(args[0], args[1])
		if err != nil {
			return err
		}
		return acting(d.log)
	},
}

const writtenLater = "a line that came later\n"

func acting(do func() error) error {
	var line [1]byte
	for {
		if _, err := os.Stdout.Write([]byte{'.'}); err != nil {
			return err
		}
		if _, err := os.Stdin.Read(line[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := do(); err != nil {
			return err
		}
	}
}

// start starts an actor and waits until it is ready. It ends with the test.
func (m *machine) actor(name string, args ...string) *actor {
	m.t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), actorEnv+"="+name, "GORACE=atexit_sleep_ms=0")
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			m.t.Errorf("%s: %v: %s", name, err, said.String())
		}
	})
	a := &actor{m.t, in, out}
	a.answers()
	return a
}

func (a *actor) answers() {
	a.t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(a.out, b[:]); err != nil {
		a.t.Fatalf("an actor does not answer: %v", err)
	}
}

// act has it do its thing once.
func (a *actor) act() {
	a.t.Helper()
	if _, err := a.in.Write([]byte{'\n'}); err != nil {
		a.t.Fatal(err)
	}
	a.answers()
}
