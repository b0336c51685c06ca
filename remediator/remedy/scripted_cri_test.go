package remedy

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// A scriptedCRI answers as a test wants a runtime to: with containers that are
// listed and looked at differently, with errors, and with things that happen in
// between. What it does not script it refuses.
type scriptedCRI struct {
	Runtime    // nil: what is not below is not asked for
	containers []runtime.Container
	sandboxes  []runtime.Sandbox
	listErr    error                                               // of containers
	sandboxErr error                                               // of sandboxes
	look       func(c runtime.Container) (runtime.Container, bool) // by Container; nil is as listed
	reopen     func(id string) error
	written    map[string]int64 // bytes, by ID; unknown where there is none
	volumes    func(id string) (paths []string, known bool, err error)
	removed    []string
	meanwhile  func() // while something is being removed
	late       error  // of a removal that has its effect
	failing    error  // of removals
}

func (s *scriptedCRI) Containers(context.Context) ([]runtime.Container, error) {
	listed := slices.Clone(s.containers)
	for i := range listed {
		listed[i].Finished, listed[i].LogPath = time.Time{}, "" // of the status only
	}
	return listed, s.listErr
}

func (s *scriptedCRI) Container(_ context.Context, id string) (runtime.Container, bool, error) {
	i := slices.IndexFunc(s.containers, func(c runtime.Container) bool { return c.ID == id })
	if i < 0 {
		return runtime.Container{}, false, nil
	}
	if s.look != nil {
		c, ok := s.look(s.containers[i])
		return c, ok, nil
	}
	return s.containers[i], true, nil
}

func (s *scriptedCRI) Sandboxes(context.Context) ([]runtime.Sandbox, error) {
	return s.sandboxes, s.sandboxErr
}

func (s *scriptedCRI) Written(_ context.Context, id string) (int64, int64, bool, error) {
	bytes, known := s.written[id]
	if bytes < 0 {
		return 0, 0, false, errors.New("no answer")
	}
	return bytes, bytes >> 12, known, nil
}

func (s *scriptedCRI) Volumes(_ context.Context, id string) (paths []string, known bool, err error) {
	if s.volumes == nil {
		return nil, true, nil
	}
	return s.volumes(id)
}

func (s *scriptedCRI) RemoveContainer(_ context.Context, id string) error {
	return s.remove("container "+id, func() {
		s.containers = slices.DeleteFunc(s.containers, func(c runtime.Container) bool { return c.ID == id })
	})
}

func (s *scriptedCRI) RemoveSandbox(_ context.Context, id string) error {
	return s.remove("sandbox "+id, func() {
		s.sandboxes = slices.DeleteFunc(s.sandboxes, func(b runtime.Sandbox) bool { return b.ID == id })
	})
}

func (s *scriptedCRI) remove(what string, done func()) error {
	if err := s.failing; err != nil {
		return err
	}
	s.removed = append(s.removed, what)
	done()
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return s.late
}

func (s *scriptedCRI) ReopenLog(_ context.Context, id string) error {
	if s.reopen == nil {
		return errors.New("nothing may be changed")
	}
	return s.reopen(id)
}

// scriptedPods are what the kubelet would say.
type scriptedPods struct {
	pods []node.Pod
	err  error
}

func (s scriptedPods) Pods(context.Context) ([]node.Pod, error) { return s.pods, s.err }

// running is the container whose log web/0.log is.
func (l logs) running() runtime.Container {
	return runtime.Container{
		ID: "c0", Sandbox: "s0", Namespace: "shop", Pod: "web-0", PodUID: "6f1f2d3c-0000-4000-8000-000000000001", Name: "web",
		Running: true, LogPath: l.path(web + "0.log"),
	}
}

// withRuntime gives the node a runtime whose only container writes path by a
// process of its own.
func (l *logs) withRuntime(role, path string) (*scriptedCRI, *actor) {
	l.t.Helper()
	writer := start(l.t, role, path)
	cri := &scriptedCRI{containers: []runtime.Container{l.running()}}
	cri.reopen = func(string) error { return reopenBy(writer.cmd.Process.Pid, path) }
	l.node.Runtime = cri
	return cri, writer
}

// reopenBy makes a runtime's process reopen its log, and returns once it has.
func reopenBy(pid int, path string) error {
	was, _ := os.Stat(path)
	if err := unix.Kill(pid, unix.SIGHUP); err != nil {
		return err
	}
	for range 1000 {
		is, err := os.Stat(path)
		if err == nil && (was == nil || !os.SameFile(was, is)) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("not reopened within a second")
}

func init() {
	// containerd: appends, makes the new log before it closes the old one.
	roles["runtime"] = func(path string) (func() error, error) {
		return reopening(path, func(old int) (int, error) {
			defer unix.Close(old)
			return unix.Open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o640)
		})
	}
	// CRI-O's conmon: closes first, and does not append after a reopen.
	roles["conmon"] = func(path string) (func() error, error) {
		return reopening(path, func(old int) (int, error) {
			unix.Close(old)
			fd, err := unix.Open(path+".tmp", unix.O_WRONLY|unix.O_TRUNC|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
			if err != nil {
				os.Exit(1)
			}
			return fd, os.Rename(path+".tmp", path)
		})
	}
}

// reopening writes a line when told to, and reopens at SIGHUP.
func reopening(path string, again func(old int) (int, error)) (func() error, error) {
	fd, opened := unix.Open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0)
	var mu sync.Mutex
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, unix.SIGHUP)
	go func() {
		for range hup {
			mu.Lock()
			var err error
			if fd, err = again(fd); err != nil {
				os.Exit(1)
			}
			mu.Unlock()
		}
	}()
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		_, err := unix.Write(fd, []byte("a line of a log\n"))
		return err
	}, opened
}

// content is what a file holds, without the NULs that stand for a full one.
func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\x00", "")
}

// rotatedNames are the rotated files of web/0.log.
func (l logs) rotatedNames() []string {
	l.t.Helper()
	found, err := filepath.Glob(l.path(web) + "/0.log.*")
	if err != nil {
		l.t.Fatal(err)
	}
	return found
}

// Written and Volumes are what nobody asks of a shop's containers.
func (s *shop) Written(context.Context, string) (bytes, inodes int64, known bool, err error) {
	return 0, 0, false, nil
}

func (s *shop) Volumes(context.Context, string) (paths []string, known bool, err error) {
	return nil, false, nil
}
