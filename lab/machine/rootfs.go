package machine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/debian"
	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// What the root filesystem is made of.
var (
	suite = "bookworm"
	// runc is for machines that run a kubelet.
	packages = []string{"systemd", "systemd-sysv", "runc"}
)

// rootfs is where the root filesystem is, or will be: everything that decides what
// it is decides its name.
func rootfs() (string, error) {
	cache, err := tools.Cache()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(append([]string{suite, runtime.GOARCH}, packages...), " ")))
	return filepath.Join(cache, fmt.Sprintf("machine-%x", sum[:6])), nil
}

// Build makes the root filesystem, if it is not there, which takes a minute and
// the network, and installs what is missing for that.
func Build(ctx context.Context, progress io.Writer) error {
	dir, err := rootfs()
	if err != nil {
		return err
	}
	missing := debian.Missing(map[string]string{"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container"})
	if err := debian.Install(ctx, progress, missing); err != nil {
		return err
	}
	if exists(dir) {
		return nil
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if exists(dir) { // somebody else has, meanwhile
		return nil
	}
	fmt.Fprintf(progress, "debootstrap %s: a machine with %s, once, about a minute\n", suite, strings.Join(packages, ", "))
	return bootstrap(ctx, dir)
}

// bootstrap runs debootstrap, which ends with this process. What it mounts in the
// new root, it mounts in a namespace that ends with it: what a killed one leaves
// may be removed.
func bootstrap(ctx context.Context, dir string) error {
	unfinished := dir + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	p, err := process.Start(process.Options{
		Name: "debootstrap", Path: "unshare",
		Args: []string{
			"--mount", "--propagation=private", "--pid", "--fork", "--kill-child",
			"debootstrap", "--variant=minbase", "--include=" + strings.Join(packages, ","), suite, unfinished,
		},
		Env: append(os.Environ(), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"),
	})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop(10 * time.Second)
		return ctx.Err()
	}
	// It keeps its notes in the new root, until it is done.
	if p.Stop(time.Second) != nil || exists(filepath.Join(unfinished, "debootstrap")) {
		return p.Err()
	}
	// Everywhere the same, and none of this machine's.
	if err := os.WriteFile(filepath.Join(unfinished, "etc/hostname"), []byte("machine\n"), 0o644); err != nil {
		return err
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return err
	}
	return forget(dir)
}

// forget removes root filesystems that are made of something else.
func forget(keep string) error {
	others, err := filepath.Glob(filepath.Join(filepath.Dir(keep), "machine-*"))
	for _, other := range others {
		if !strings.HasPrefix(other, keep) {
			err = errors.Join(err, os.RemoveAll(other))
		}
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// lock takes a lock that the kernel gives back when this process ends.
func lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
