package remedy

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// Owners are the running containers, by where the kubelet puts their logs
// beneath its folder: <namespace>_<pod>_<uid>/<container>/<attempt>.log. Where
// two claim one log, neither has it.
type owners struct {
	runtime Containers
	byLog   map[string]string // "" is several
}

func logOwners(ctx context.Context, r Containers) (owners, error) {
	all, err := r.Containers(ctx)
	if err != nil {
		return owners{}, fmt.Errorf("list containers: %w", err)
	}
	o := owners{r, make(map[string]string)}
	for _, c := range all {
		if !c.Running {
			continue
		}
		log := logOf(c)
		if _, taken := o.byLog[log]; taken {
			o.byLog[log] = ""
		} else {
			o.byLog[log] = c.ID
		}
	}
	return o, nil
}

// logOf is where a container's log is to be expected. It is compared with names
// on the disk and never opened.
func logOf(c runtime.Container) string {
	pod := podName{c.Namespace, c.Pod, c.PodUID}
	return fmt.Sprintf("%s/%s/%d.log", pod.folder(), c.Name, c.Attempt)
}

// of returns the container whose log f is, or why there is none.
func (o owners) of(ctx context.Context, f *file) (id string, err error) {
	if id = o.byLog[f.in.path+"/"+f.name]; id == "" {
		return "", leftAlone("not the log of one running container of the runtime's")
	}
	return id, stillLogs(ctx, o.runtime, id, f)
}

// stillLogs returns why f is not the log of that container, which runs; nil if
// it is.
func stillLogs(ctx context.Context, r Containers, id string, f *file) error {
	c, ok, err := r.Container(ctx, id)
	switch {
	case err != nil:
		return fmt.Errorf("cannot tell whose log it is: %w", err)
	case !ok || !c.Running:
		return leftAlone("its container does not run")
	case !f.isLog(c.LogPath):
		return leftAlone("its container logs elsewhere")
	}
	return nil
}

// isLog reports whether a runtime's path of a log means f: by the names beneath
// the root, and by the root being the same folder.
func (f *file) isLog(path string) bool {
	above, ok := strings.CutSuffix(filepath.Clean(path), "/"+f.in.path+"/"+f.name)
	if !ok {
		return false
	}
	var st unix.Stat_t
	return above == f.in.root.path || unix.Stat(above, &st) == nil && idOf(&st) == f.in.root.id
}
