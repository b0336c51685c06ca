package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Cache returns the folder that holds the programs of every key. It lies on a disk,
// where the system follows its customs, and may be absent.
func Cache() (string, error) {
	if dir := os.Getenv("HEADROOM_CACHE"); dir != "" {
		return filepath.Join(dir, "tools"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w: set HEADROOM_CACHE to one", err)
	}
	return filepath.Join(dir, "headroom", "tools"), nil
}

// folder finds the module folder of a tool from the working directory upwards:
// commands start in the repository, tests in the folder of their package, and a
// path compiled in would not survive -trimpath.
func folder(module string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		source := filepath.Join(at, "lab", "tools", module)
		if exists(filepath.Join(source, "go.mod")) {
			return source, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no lab/tools/%s/go.mod in %s or above it", module, dir)
		}
	}
}

// key covers all that decides what comes out of a build.
func (p program) key(ctx context.Context, source string) (string, error) {
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(data), data)
	}
	out, err := p.command(ctx, source, "env", "GOVERSION", "GOOS", "GOARCH").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	fmt.Fprintf(sum, "%s%s%s", out, p.goflags, strings.Join(p.flags(source), " "))
	return hex.EncodeToString(sum.Sum(nil)[:6]), nil
}

// command is a go command on the tool's own module, whatever the caller's
// environment says about modules and flags.
func (p program) command(ctx context.Context, source string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS="+p.goflags)
	return cmd
}

// lock takes the lock of one module's builds and returns what gives it back; it
// calls waits before it waits for somebody else. The kernel gives back the lock
// of a process that dies.
func lock(path string, waits func()) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		waits()
		for {
			if err = unix.Flock(int(file.Fd()), unix.LOCK_EX); err != unix.EINTR {
				break
			}
		}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// forget removes the folders of a module's other keys.
func forget(keep, module string) error {
	others, err := filepath.Glob(filepath.Join(filepath.Dir(keep), module+"-*"))
	if err != nil {
		return err
	}
	for _, dir := range others {
		if dir == keep {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
