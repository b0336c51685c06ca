package node

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// apart marks a process in a PID namespace below that of its /proc.
const apart = "HEADROOM_NODE_APART"

func readApart() int {
	r, err := Host{Proc: "/proc"}.PIDs()
	if err != nil {
		fmt.Println(err)
		return 0
	}
	fmt.Printf("read %d of %d\n", r.Available, r.Capacity)
	return 0
}

// A container that was given the host's /proc, but not its PID namespace: from
// Linux 6.14 on it would be shown 4194304 whatever the node's limit is.
func TestPIDsOfAnotherNamespaceAreNotTakenForTheNodes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		t.Fatal(err)
	}
	want := "read "
	if namespacesPIDMax(unix.ByteSliceToString(kernel.Release[:])) {
		want = "/proc/sys/kernel/pid_max: shows the limit of this process's own PID namespace"
	}
	if !strings.HasPrefix(string(out), want) {
		t.Errorf("got %s, want %s…", out, want)
	}
}

func TestPIDsOfThisNamespaceAreTheKernels(t *testing.T) {
	r, err := Host{Proc: "/proc"}.PIDs()
	if err != nil {
		t.Fatal(err)
	}
	limit := int64(1) << 62
	for _, path := range []string{"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		if _, err := fmt.Sscan(string(data), &n); err != nil {
			t.Fatal(err)
		}
		limit = min(limit, n)
	}
	if r.Capacity != limit || r.Available >= limit {
		t.Errorf("got %d of %d, want less than all of %d", r.Available, r.Capacity, limit)
	}
}

func TestKernelsWithAPIDMaxForEachNamespaceAreKnown(t *testing.T) {
	for release, want := range map[string]bool{
		"5.15.0-91-generic": false, "6.8.0-45-generic": false, "6.13.12": false, "4.19.0-27-cloud-amd64": false,
		"6.14.0": true, "6.14.0-rc1+": true, "6.18.44-x": true, "7.0": true, "10.1.2": true, "who knows": true, "": true,
	} {
		if got := namespacesPIDMax(release); got != want {
			t.Errorf("%q: %v, want %v", release, got, want)
		}
	}
}

func TestDepthOfNamespacesIsReadFromStatus(t *testing.T) {
	for status, want := range map[string]int{
		"Name:\tx\nPid:\t31942\nNSpid:\t31942\t1\nNSpgid:\t1\t1\t1\n": 2,
		"NSpid:\t31942\n": 1, "NSpid:\t31942\t17\t1\n": 3, "Pid:\t1\n": 0,
	} {
		got, err := parseNSpid([]byte(status))
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v, want %d", status, got, err, want)
		}
	}
}
