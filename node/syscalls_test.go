package node

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// traced marks the process whose system calls are counted.
const traced = "HEADROOM_NODE_TRACED"

func init() {
	if os.Getenv(traced) != "" {
		runtime.LockOSThread() // main's thread is the one that is traced
	}
}

// boundary is a system call that nothing here makes.
const boundary = unix.SYS_GETPRIORITY

// readTraced makes the calls to count, a boundary before, between and after.
func readTraced() int {
	var reads []func() error
	for _, version := range []string{"v1", "v2"} {
		h := Host{Proc: "testdata/" + version + "/proc", Cgroup: "testdata/" + version + "/cgroup"}
		names := map[string][]string{"v1": {"/kubepods"}, "v2": {"/kubepods", "/kubepods.slice"}}[version]
		memory, pods, pids := newMemoryProber(h, make(openFiles)), newPodProber(h, make(openFiles)), newPIDProber(h, make(openFiles))
		disk := prober{path: "testdata"} // the first time it reads the mount table, too
		again := []func() error{
			func() error { _, err := memory.probe(); return err },
			func() error { _, err := pods.probe(names); return err },
			func() error { _, err := pids.probe(); return err },
			func() error { _, err := disk.probe(); return err },
		}
		for _, read := range again {
			if err := read(); err != nil {
				return 1
			}
		}
		reads = append(reads,
			func() error { _, err := h.Memory(true); return err },
			func() error { _, err := h.Allocatable(names[len(names)-1:]); return err },
			func() error { _, err := h.PIDs(); return err },
		)
		reads = append(reads, again...)
	}
	for _, read := range reads {
		unix.Getpriority(unix.PRIO_PROCESS, 0)
		if err := read(); err != nil {
			return 1
		}
	}
	unix.Getpriority(unix.PRIO_PROCESS, 0)
	return 0
}

// What the documentation promises, counted by tracing a process that reads.
func TestSystemCallsAreAsFewAsPromised(t *testing.T) {
	pids := map[string]int{"open": 3, "read": 3, "close": 3, "uname": 1}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		t.Fatal(err)
	}
	if namespacesPIDMax(unix.ByteSliceToString(kernel.Release[:])) {
		pids["statfs"] = 1 // the recorded files are no procfs: it ends there
	}
	want := []map[string]int{
		{"open": 3, "read": 3, "close": 3, "access": 1}, // memory with cgroup v1
		{"open": 3, "read": 3, "close": 3, "access": 1}, // the memory of pods
		pids,
		{"read": 3},               // memory with cgroup v1, again
		{"read": 3},               // the memory of pods, again
		{"read": 3},               // PIDs, again
		{"statx": 1, "statfs": 1}, // a filesystem
		{"open": 2, "read": 2, "close": 2, "access": 2}, // with v2
		{"open": 3, "read": 3, "close": 3, "access": 1},
		pids,
		{"read": 2},
		{"read": 3},
		{"read": 3},
		{"statx": 1, "statfs": 1},
	}
	if diff := cmp.Diff(want, trace(t)); diff != "" {
		t.Error(diff)
	}
}

// names holds the calls that count; the runtime makes others when it likes.
var names = map[uint64]string{
	unix.SYS_OPENAT: "open", unix.SYS_READ: "read", unix.SYS_PREAD64: "read", unix.SYS_CLOSE: "close",
	unix.SYS_STATFS: "statfs", unix.SYS_FSTATFS: "statfs", unix.SYS_STATX: "statx",
	unix.SYS_FSTAT: "stat", unix.SYS_FCNTL: "fcntl", unix.SYS_EPOLL_CTL: "epoll_ctl",
	unix.SYS_LSEEK: "seek", unix.SYS_READLINKAT: "readlink", unix.SYS_GETDENTS64: "readdir",
	unix.SYS_FACCESSAT: "access", unix.SYS_FACCESSAT2: "access", unix.SYS_UNAME: "uname",
}

// trace runs readTraced and returns its calls between boundaries.
func trace(t *testing.T) []map[string]int {
	t.Helper()
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	child, err := os.StartProcess("/proc/self/exe", []string{"traced"}, &os.ProcAttr{
		Env: []string{traced + "=1", "GOGC=off"},
		Sys: &unix.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	var counts []map[string]int
	var status unix.WaitStatus
	options := false
	for {
		if _, err := unix.Wait4(child.Pid, &status, unix.WALL, nil); err != nil {
			t.Fatal(err)
		}
		if status.Exited() || status.Signaled() {
			break
		}
		signal := 0
		switch {
		case !options: // it has begun
			options = true
			if err := unix.PtraceSetOptions(child.Pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL); err != nil {
				t.Fatal(err)
			}
		case status.StopSignal() == unix.SIGTRAP|0x80:
			if number, ok := entered(t, child.Pid); !ok {
			} else if number == boundary {
				counts = append(counts, make(map[string]int))
			} else if name := names[number]; name != "" && len(counts) > 0 {
				counts[len(counts)-1][name]++
			}
		default:
			signal = int(status.StopSignal())
		}
		if err := unix.PtraceSyscall(child.Pid, signal); err != nil {
			t.Fatal(err)
		}
	}
	if status.ExitStatus() != 0 || len(counts) == 0 {
		t.Fatalf("the traced process ended with %v", status)
	}
	return counts[:len(counts)-1]
}

// entered returns the number of the system call that a stopped process enters;
// ok is false where it leaves one.
func entered(t *testing.T, pid int) (number uint64, ok bool) {
	t.Helper()
	var info struct { // struct ptrace_syscall_info
		op     uint8
		_      [3]uint8
		_      uint32
		_, _   uint64
		number uint64
		_      [6]uint64
	}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		t.Fatalf("PTRACE_GET_SYSCALL_INFO: %v", errno)
	}
	return info.number, info.op == unix.PTRACE_SYSCALL_INFO_ENTRY
}
