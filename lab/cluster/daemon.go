package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Every process of a lab carries the lab's folder and its own part in its
// environment, from its first moment on.
const (
	labVariable  = "HEADROOM_LAB"
	partVariable = "HEADROOM_LAB_PART"
)

// An endedError says that a daemon is gone, with its last words: no use waiting.
type endedError struct{ part, words string }

func (e *endedError) Error() string {
	return fmt.Sprintf("%s has ended; its last words:\n%s", e.part, e.words)
}

// spawn starts a program that outlives this process. part names its log and its
// pid file, as in n1/kubelet; enter is put before its command line.
func (c *Cluster) spawn(part string, enter []string, name string, args ...string) error {
	path, ok := c.programs[name]
	if !ok {
		path = name
	}
	if err := os.MkdirAll(filepath.Dir(c.logPath(part)), 0o755); err != nil {
		return err
	}
	os.Rename(c.logPath(part), c.logPath(part)+".1") // of the start before, if any
	log, err := os.Create(c.logPath(part))
	if err != nil {
		return err
	}
	defer log.Close()
	line := append(append(append([]string{}, enter...), path), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir, cmd.Env = "/", c.environment(part)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	go cmd.Wait() // for as long as this process is there to be its parent
	return c.remember(part, cmd.Process.Pid)
}

// environment is all that a daemon gets: no proxies, no locale.
func (c *Cluster) environment(part string) []string {
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if shim := c.programs["containerd-shim-runc-v2"]; shim != "" {
		path = filepath.Dir(shim) + ":" + path
	}
	return []string{"PATH=" + path, "HOME=/root", labVariable + "=" + c.Dir, partVariable + "=" + part}
}

func (c *Cluster) logPath(part string) string { return filepath.Join(c.Dir, "log", part+".log") }

// LogPath is the file that a part logs to since it was started last: etcd,
// kube-apiserver, kube-controller-manager, kube-scheduler, or NODE/kubelet,
// NODE/containerd.
func (c *Cluster) LogPath(part string) string { return c.logPath(part) }

// remember writes the pid file of a part.
func (c *Cluster) remember(part string, pid int) error {
	p, err := identify(pid)
	if err != nil {
		return fmt.Errorf("%s: %w", part, &endedError{part, c.tail(part)})
	}
	path := filepath.Join(c.Dir, "run", part)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// find returns the process of a part as its pid file knows it.
func (c *Cluster) find(part string) (proc, error) {
	data, err := os.ReadFile(filepath.Join(c.Dir, "run", part))
	if err != nil {
		return proc{}, err
	}
	var p proc
	if err := json.Unmarshal(data, &p); err != nil {
		return proc{}, fmt.Errorf("%s: %w", filepath.Join(c.Dir, "run", part), err)
	}
	return p, nil
}

// alive is an error unless the part runs.
func (c *Cluster) alive(part string) error {
	p, err := c.find(part)
	if err != nil {
		return err
	}
	if !p.runs() {
		return &endedError{part, c.tail(part)}
	}
	return nil
}

// stop ends a part and returns once it is gone; one that is gone already is well.
func (c *Cluster) stop(part string, signal syscall.Signal) error {
	p, err := c.find(part)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.end(signal)
}

// tail returns the last lines of a part's log.
func (c *Cluster) tail(part string) string {
	file, err := os.Open(c.logPath(part))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	const most = 4096
	if info, err := file.Stat(); err == nil && info.Size() > most {
		file.Seek(-most, io.SeekEnd)
	}
	data, _ := io.ReadAll(file)
	lines := strings.Split(string(bytes.TrimSpace(data)), "\n")
	return strings.Join(lines[max(len(lines)-15, 0):], "\n")
}
