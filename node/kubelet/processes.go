package kubelet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errNoProcess says that no kubelet is to be seen.
var errNoProcess = errors.New("no kubelet runs here (from inside of a container it is seen only in the host's PID namespace)")

// find looks through a procfs for the kubelet; where there are several, for the
// one whose root directory is rootDir.
func find(proc, rootDir string) (*process, error) {
	found, unread, err := kubelets(proc)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && unread > 0 {
		return nil, fmt.Errorf("%s: %w; %d processes cannot be read", proc, errNoProcess, unread)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w", proc, errNoProcess)
	}
	if rootDir == "" && len(found) == 1 {
		return found[0], nil
	}
	var described []string
	for _, p := range found {
		dir := p.rootDir()
		if rootDir != "" && path.Clean(dir) == path.Clean(rootDir) {
			return p, nil
		}
		described = append(described, fmt.Sprintf("%s %d with --root-dir=%s", p.host.name, p.pid, dir))
	}
	if rootDir == "" {
		return nil, fmt.Errorf("%s: more than one kubelet runs here: say by --kubelet.root-dir which one is meant: %s", proc, strings.Join(described, ", "))
	}
	return nil, fmt.Errorf("%s: no kubelet runs here with --root-dir=%s: there is %s", proc, rootDir, strings.Join(described, ", "))
}

// kubelets lists those that run, without their children: between fork and exec
// these look the same. unread counts the processes that may not be looked at.
func kubelets(proc string) (found []*process, unread int, err error) {
	entries, err := os.Open(proc)
	if err != nil {
		return nil, 0, err
	}
	defer entries.Close()
	names, err := entries.Readdirnames(-1)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p, err := inspect(proc, pid)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH):
			unread++
		case err == nil && p != nil:
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *process) int { return a.pid - b.pid })
	return slices.DeleteFunc(slices.Clone(found), func(p *process) bool {
		return slices.ContainsFunc(found, func(other *process) bool { return other.pid == p.parent })
	}), unread, nil
}

// rootDir is the root directory of a kubelet, "unknown" where its command line
// cannot be told.
func (p *process) rootDir() string {
	args, err := p.host.args(p, &view{process: p.dir})
	if err != nil {
		return "unknown"
	}
	f, err := parseFlags(args, 0)
	if err != nil {
		return "unknown"
	}
	return f.rootDir
}
