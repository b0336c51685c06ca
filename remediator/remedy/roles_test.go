package remedy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

// Roles are what this program does as a process of its own beside a test. Each
// says "ready", then does one thing for every line it gets, says "ok" each
// time, and ends with its input.
var roles = map[string]func(path string) (func() error, error){
	// A runtime: every line goes to the end of its log.
	"append": func(path string) (func() error, error) { return writing(path, unix.O_WRONLY|unix.O_APPEND) },
	// A program that redirected its output with ">".
	"plain": func(path string) (func() error, error) { return writing(path, unix.O_WRONLY) },
	// The same, but able to read what it wrote.
	"plain-both":  func(path string) (func() error, error) { return writing(path, unix.O_RDWR) },
	"append-both": func(path string) (func() error, error) { return writing(path, unix.O_RDWR|unix.O_APPEND) },
	// More shippers than are remembered, none of them behind.
	"crowd": func(path string) (func() error, error) {
		for range maxReaders + 1 {
			if _, err := reading(path, -1); err != nil {
				return nil, err
			}
		}
		return idle, nil
	},
	// A shipper that has read nothing yet.
	"hold": func(path string) (func() error, error) { return reading(path, 0) },
	// A shipper that has read everything, and reads on when told.
	"follow": func(path string) (func() error, error) { return reading(path, -1) },
	// A program with a descriptor that can neither read nor write.
	"path": func(path string) (func() error, error) {
		_, err := unix.Open(path, unix.O_PATH, 0)
		return idle, err
	},
	// A program that maps the file and has no descriptor of it.
	"map": func(path string) (func() error, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		_, err = unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		return idle, err
	},
	// A program whose first thread has ended and whose second writes on.
	"headless": headless,
	// A program whose descriptors only CAP_SYS_PTRACE shows.
	"hidden": func(string) (func() error, error) { return idle, unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) },
}

func idle() error { return nil }

func writing(path string, flags int) (func() error, error) {
	fd, err := unix.Open(path, flags, 0)
	write := func() error {
		_, err := unix.Write(fd, []byte("a line of a log\n"))
		return err
	}
	return write, err
}

func reading(path string, n int64) (func() error, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	read := func() error {
		_, err := io.Copy(io.Discard, f)
		return err
	}
	if n < 0 {
		err = read()
	}
	return read, err
}

// headless opens path in a second thread and ends the first, which is the one
// whose descriptors /proc/PID/fd shows.
func headless(path string) (func() error, error) {
	if os.Getpid() != unix.Gettid() {
		return nil, errors.New("not on the first thread")
	}
	_, err := unix.Open(path, unix.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	go listen(idle)
	unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // not RawSyscall: the runtime must get its processor back
	panic("unreachable")
}

func init() {
	if os.Getenv(roleEnv) != "" {
		runtime.LockOSThread() // main stays on the first thread
	}
}

// play plays a role and returns its exit code.
func play(role string, args []string) int {
	if whole := scripts[role]; whole != nil {
		if err := whole(args); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
	do, err := roles[role](args[0])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	listen(do)
	return 0
}

func listen(do func() error) {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if err := do(); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("ok")
		}
	}
	os.Exit(0)
}

// An actor is a running role.
type actor struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a role and returns when it is ready. It ends with the test.
func start(t *testing.T, role string, args ...string) *actor {
	t.Helper()
	a := launch(t, role, args...)
	a.expect("ready")
	return a
}

func launch(t *testing.T, role string, args ...string) *actor {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	// The race detector would wait a second before it lets a process end.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	a := &actor{t, cmd, in, bufio.NewReader(out)}
	t.Cleanup(a.stop)
	return a
}

// killAt waits for a line of the process's and kills it.
func (a *actor) killAt(line string) {
	a.t.Helper()
	a.expect(line)
	if err := a.cmd.Process.Kill(); err != nil {
		a.t.Fatal(err)
	}
	a.stop()
}

// hangAt says so at a step, in a process that is to be killed there.
func hangAt(step string) func(name string) {
	return func(name string) {
		if name == step {
			fmt.Println("hanging")
			io.Copy(io.Discard, os.Stdin)
		}
	}
}

// act makes the role do its thing once.
func (a *actor) act() {
	a.t.Helper()
	fmt.Fprintln(a.in)
	a.expect("ok")
}

func (a *actor) expect(want string) {
	a.t.Helper()
	if got := a.line(); got != want {
		a.t.Fatalf("%s said %q, want %q", a.cmd.Env[len(a.cmd.Env)-1], got, want)
	}
}

func (a *actor) line() string {
	line, _ := a.out.ReadString('\n')
	return strings.TrimSpace(line)
}

// stop ends the role and waits for it.
func (a *actor) stop() {
	a.in.Close()
	a.cmd.Wait()
}

// Scripts are roles that run a remedy.
var scripts = map[string]func(args []string) error{
	// Applies a plan for DISK's inodes to ROOT and hangs after N removals.
	"apply-and-hang": func(args []string) error {
		n, plan, err := planFor(args)
		if err != nil {
			return err
		}
		left, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		_, err = LogReclaim{}.Apply(context.Background(), n, plan, Run{
			Missing: func(context.Context) (int64, error) { return 1 << 40, nil },
			Removed: func(Item, headroom.Amount) {
				if left--; left == 0 {
					fmt.Println("hanging")
					io.Copy(io.Discard, os.Stdin) // the runtime would end a mere select
				}
			},
		})
		return err
	},
	// Plans without the capability to see into other processes.
	"plan-without-ptrace": func(args []string) error {
		if err := dropPtrace(); err != nil {
			return err
		}
		_, _, err := planFor(args)
		return err
	},
	// Plans on a kernel that has no openat2.
	"plan-without-openat2": func(args []string) error {
		if err := forbidOpenat2(); err != nil {
			return err
		}
		_, _, err := planFor(args)
		return err
	},
	// Runs a program and waits for it.
	"exec": func(args []string) error {
		r, err := Exec{}.Configure(func(into any) error {
			into.(*execSettings).Command = args
			return nil
		})
		if err != nil {
			return err
		}
		_, err = r.Apply(context.Background(), Node{}, Plan{Items: []Item{{}}}, Run{
			Missing: func(context.Context) (int64, error) { return 1, nil },
			Removed: func(Item, headroom.Amount) { fmt.Println("freed") },
		})
		return err
	},
}

func planFor(args []string) (Node, Plan, error) {
	n := Node{Proc: "/proc", LogRoots: args[:1]}
	if len(args) > 1 && strings.HasPrefix(args[1], "/") {
		n.Proc = args[1]
	}
	var st unix.Stat_t
	if err := unix.Stat(args[0], &st); err != nil {
		return n, Plan{}, err
	}
	disk := node.Disk{Major: unix.Major(st.Dev), Minor: unix.Minor(st.Dev)}
	plan, err := LogReclaim{}.Plan(context.Background(), n, Need{headroom.NodeFSInodesFree, disk, 1 << 40})
	return n, plan, err
}

func dropPtrace() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_SYS_PTRACE
	return unix.Capset(&header, &data[0])
}

// forbidOpenat2 makes openat2 answer ENOSYS, as an old kernel does.
func forbidOpenat2() error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_OPENAT2, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}
