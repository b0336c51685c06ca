package kubelet

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A process is a running program that is a kubelet, or has one in it.
type process struct {
	pid     int
	started string // in ticks after boot: with pid it names the process for good
	parent  int
	dir     string // its folder in a procfs
	argv    []string
	// hidden says that it has overwritten its arguments, of which there were more.
	hidden bool
	// host says how the kubelet's command line comes from argv.
	host host
}

// A host is a program that runs a kubelet.
type host struct {
	name string
	// args are the kubelet's own, without the program's name. What is read on the
	// way is remembered by the view.
	args func(p *process, v *view) ([]string, error)
}

// hostOf finds the kubelet in a command line. It is nil if there is none.
func hostOf(argv []string) *host {
	sub := ""
	if len(argv) > 1 {
		sub = argv[1]
	}
	switch name := path.Base(argv[0]); {
	case name == "kubelet":
		return &host{name, func(p *process, _ *view) ([]string, error) { return p.argv[1:], nil }}
	case name == "hyperkube" && sub == "kubelet":
		return &host{name, func(p *process, _ *view) ([]string, error) { return p.argv[2:], nil }}
	case name == "kubelite":
		return &host{name, kubeliteArgs}
	case name == "k3s" && (sub == "server" || sub == "agent"):
		return &host{name, k3sArgs}
	}
	return nil
}

// maxCommandLine bounds what is read of a process's arguments, in bytes.
const maxCommandLine = 1 << 20

// inspect reads a process of a procfs. It is nil where that is no kubelet, or one
// that is not root's, or not on the procfs's host but in a container: anybody may
// call himself kubelet.
func inspect(proc string, pid int) (*process, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	line, err := readKernel(filepath.Join(dir, "cmdline"))
	if err != nil || len(line) == 0 { // a kernel thread or a zombie has none
		return nil, err
	}
	p := &process{pid: pid, dir: dir}
	p.argv, p.hidden = parseCommandLine(line)
	host := hostOf(p.argv)
	if host == nil {
		return nil, nil
	}
	p.host = *host
	if err := p.stat(); err != nil {
		return nil, err
	}
	status, err := readKernel(filepath.Join(dir, "status"))
	if err != nil || nested(status) || !ofRoot(status) {
		return nil, err
	}
	return p, nil
}

// parseCommandLine splits /proc/PID/cmdline, in which every argument ends in a
// zero byte. k3s puts its name and command there, as one; the length stays what
// it was:
//
//	/usr/local/bin/k3s server\0\0\0\0\0\0\0\0
//	                           ^^^^^^^^^^^^^^ were arguments
func parseCommandLine(line []byte) (argv []string, hidden bool) {
	line = bytes.TrimSuffix(line, []byte{0})
	title := bytes.TrimRight(line, "\x00")
	if words := strings.Fields(string(title)); len(words) == 2 && path.Base(words[0]) == "k3s" {
		return words, len(title) < len(line)
	}
	return strings.Split(string(line), "\x00"), false
}

// stat reads who a process is from /proc/PID/stat:
//
//	1234 (kubelet) S 1 1234 1234 0 -1 4194560 … 8765 …
//	               ^ ^ its parent               ^^^^ start time, the 22nd field
//	               state
func (p *process) stat() error {
	line, err := readKernel(filepath.Join(p.dir, "stat"))
	if err != nil {
		return err
	}
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
	if len(fields) < 20 {
		return fmt.Errorf("%s/stat: %q has too few fields", p.dir, line)
	}
	if state := fields[0]; state == "Z" || state == "X" {
		return unix.ESRCH
	}
	p.started = fields[19]
	p.parent, err = strconv.Atoi(fields[1])
	return err
}

// lives reports whether p still runs. It costs three system calls.
func (p *process) lives() bool {
	now := process{dir: p.dir}
	return now.stat() == nil && now.started == p.started
}

// nested reports whether /proc/PID/status names a process that is in a PID
// namespace below the procfs's own:
//
//	NSpid:	4711	1
func nested(status []byte) bool {
	_, after, ok := bytes.Cut(status, []byte("\nNSpid:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	return ok && len(bytes.Fields(line)) > 1
}

// ofRoot reports whether root started the process of /proc/PID/status and it runs
// as root: of a program that is setuid, somebody else may have chosen the name.
//
//	Uid:	0	0	0	0
//	        ^ ^ real and effective
func ofRoot(status []byte) bool {
	_, after, _ := bytes.Cut(status, []byte("\nUid:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	ids := strings.Fields(string(line))
	return len(ids) == 4 && ids[0] == "0" && ids[1] == "0"
}

func readKernel(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readUpTo(f, path, maxCommandLine)
}
