//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/tools"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// A lone containerd has no kubelet, and everything of its own.
type lone struct {
	*process.Process
	root, endpoint string
}

// startLone starts a containerd in a folder, with some lines of configuration,
// which stand before all tables.
func startLone(t *testing.T, dir, root, lines string) lone {
	t.Helper()
	path, err := tools.Path("containerd")
	if err != nil {
		t.Fatal(err)
	}
	c := lone{root: filepath.Join(dir, root), endpoint: "unix://" + filepath.Join(dir, "s")}
	config := filepath.Join(dir, root+".toml")
	text := fmt.Sprintf(`version = 3
root = %q
state = %q
imports = []
%s
[grpc]
  address = %q
[ttrpc]
  address = %q
[plugins."io.containerd.internal.v1.opt"]
  path = %q
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
`, c.root, filepath.Join(dir, "state"), lines, filepath.Join(dir, "s"), filepath.Join(dir, "t"), filepath.Join(dir, "opt"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if c.Process, err = process.Start(process.Options{Name: "containerd", Path: path, Args: []string{"--config", config}}); err != nil {
		t.Fatal(err)
	}
	return c
}

// folder is a temporary one whose name leaves room for a socket's.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lone")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// answers waits until s has asked with success.
func answers(t *testing.T, c lone, s *runtime.Source) runtime.Filesystems {
	t.Helper()
	err := cluster.Wait(t.Context(), "containerd to answer", func(ctx context.Context) error {
		select {
		case <-c.Done():
			return c.Err()
		default:
			return s.Refresh(ctx)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Filesystems()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func stop(t *testing.T, c lone) {
	t.Helper()
	if err := c.Stop(time.Minute); err != nil {
		t.Error(err)
	}
}

// standsStill returns an error while a thread of a process runs: each stops when
// it next looks for signals. /proc/PID/task/TID/stat, with T for stopped:
//
//	4711 (containerd) T 1 …
func standsStill(pid int) error {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no threads of %d: %v", pid, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, after, _ := strings.Cut(string(data), ") "); !strings.HasPrefix(after, "T") {
			return fmt.Errorf("%s: %s", path, data)
		}
	}
	return nil
}

func TestContainerdSaysWhereItsFilesAre(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first := startLone(t, dir, "first", "")
	s := runtime.NewSource(first.endpoint, nil)
	found := answers(t, first, s)
	snapshots := filepath.Join(first.root, "io.containerd.snapshotter.v1.overlayfs")
	if want := (runtime.Filesystems{Images: snapshots, Containers: snapshots}); found != want {
		t.Errorf("%+v, want %+v", found, want)
	}
	if _, err := os.Stat(found.Images); err != nil {
		t.Error(err)
	}

	// It hangs: the socket takes connections, and nobody reads them.
	if err := syscall.Kill(first.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	err := cluster.Wait(t.Context(), "containerd to stand still", func(context.Context) error { return standsStill(first.PID()) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got, err := runtime.Ask(ctx, first.endpoint); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is stopped: %+v, %v", got, err)
	}
	if err := syscall.Kill(first.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	answers(t, first, s)

	// It is down, and replaced by one with another root.
	stop(t, first)
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("a containerd that is down answers")
	}
	if kept, err := s.Filesystems(); err != nil || kept != found {
		t.Errorf("while it is down: %+v, %v", kept, err)
	}
	second := startLone(t, dir, "second", "")
	defer stop(t, second)
	if got := answers(t, second, s); !strings.HasPrefix(got.Images, second.root+"/") {
		t.Errorf("the second one: %+v", got)
	}
}

func TestContainerdWithoutCRISaysWhatToDo(t *testing.T) {
	t.Parallel()
	c := startLone(t, folder(t), "root", `disabled_plugins = ["io.containerd.grpc.v1.cri"]`)
	defer stop(t, c)
	err := cluster.Wait(t.Context(), "containerd to refuse", func(ctx context.Context) error {
		_, err := runtime.Ask(ctx, c.endpoint)
		if err == nil || !strings.Contains(err.Error(), "disabled_plugins") {
			return fmt.Errorf("it says %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
