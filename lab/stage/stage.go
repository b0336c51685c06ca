package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A Stage is the place inside the namespaces.
type Stage struct {
	// Dir is an empty folder in memory, which nobody outside can see.
	Dir string
	// PID is this process's number outside: with nsenter -t PID -m one can look
	// at the stage from there.
	PID string
}

// places are folders that every Linux has and that something may be mounted on.
var places = []string{"/mnt", "/media", "/srv", "/opt", "/tmp"}

// Open makes the stage, once per process, in the namespaces that Enter made.
// What is mounted over its Dir is hidden: needed lists the files and folders
// that must not be.
func Open(needed ...string) (*Stage, error) {
	if !Inside() {
		return nil, fmt.Errorf("not inside the namespaces of a stage: use Enter")
	}
	pid, err := os.Readlink("/proc/self") // still the outer /proc
	if err != nil {
		return nil, err
	}
	dir, err := place(needed)
	if err != nil {
		return nil, err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return nil, fmt.Errorf("mount a /proc of our own: %w (in a container? its masked /proc forbids it)", err)
	}
	if err := unix.Mount("stage", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=2g"); err != nil {
		return nil, fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
	}
	return &Stage{Dir: dir, PID: pid}, nil
}

// place finds a folder to mount on that none of the needed files is in.
func place(needed []string) (string, error) {
	for _, dir := range places {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		if !hides(dir, needed) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no place for a stage: each of %s is absent or holds one of %s", strings.Join(places, " "), strings.Join(needed, " "))
}

func hides(dir string, needed []string) bool {
	for _, path := range needed {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}
