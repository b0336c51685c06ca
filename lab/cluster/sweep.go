package cluster

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Identity names everything of the lab in dir, an absolute path, that lies outside
// of it: its cgroup, and the beginning of its network links.
func Identity(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "hr" + hex.EncodeToString(sum[:3])
}

// Down ends the lab in dir and removes all there is of it: processes, cgroups,
// network, mounts, loop devices, and the folder. It finds them by what they are,
// not by what was written down, so it cleans up whatever a killed start left;
// where there is nothing, nothing happens.
func Down(ctx context.Context, dir string) error {
	dir, err := real(dir)
	if err != nil {
		return err
	}
	if err := killMarked(dir); err != nil {
		return err
	}
	if err := emptyCgroup("/" + Identity(dir)); err != nil {
		return err
	}
	if err := unwire(ctx, Identity(dir)); err != nil {
		return err
	}
	if err := unmountBelow(dir); err != nil {
		return err
	}
	if err := loopsFree(ctx, dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// real is the one name of a folder that need not exist.
func real(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if errors.Is(err, os.ErrNotExist) {
		return dir, nil
	}
	return filepath.Join(parent, filepath.Base(dir)), err
}

// killMarked kills the lab's processes until none is left: one that was about to
// start another may have been faster.
func killMarked(dir string) error {
	for range 100 {
		found, err := marked(dir)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, p := range found {
			if err := p.end(unix.SIGKILL); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("processes of the lab in %s keep coming back", dir)
}

// unmountBelow unmounts everything at or below dir, the last mounted first.
func unmountBelow(dir string) error {
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	slices.Reverse(mounts)
	for _, path := range mounts {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	return nil
}

func mountsBelow(dir string) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseMounts(file, dir)
}

// parseMounts takes the mount points at or below dir from /proc/self/mountinfo,
// in its order:
//
//	36 35 7:0 / /var/tmp/headroom-lab/n1/nodefs rw,relatime shared:1 - ext4 /dev/loop0 rw
func parseMounts(r io.Reader, dir string) ([]string, error) {
	below := strings.TrimSuffix(dir, "/") + "/"
	var found []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		path := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
		if path == dir || strings.HasPrefix(path, below) {
			found = append(found, path)
		}
	}
	return found, lines.Err()
}

// loopsFree waits until no loop device has its image below dir: they free
// themselves when the kernel has taken the last mount namespace down.
func loopsFree(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return Wait(ctx, "the lab's loop devices to be free", func(context.Context) error {
		if left := loopsBelow(dir); len(left) > 0 {
			return fmt.Errorf("in use: %s", strings.Join(left, " "))
		}
		return nil
	})
}

// loopsBelow lists loop devices whose image lies below dir.
func loopsBelow(dir string) []string {
	files, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	var found []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil && strings.HasPrefix(string(data), dir+"/") {
			found = append(found, filepath.Base(filepath.Dir(filepath.Dir(file))))
		}
	}
	return found
}
