package cluster

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// startSweeper starts the sweeper, which begins when alarm is closed: by this
// process, or by the kernel when this process is killed.
func startSweeper(base string) (sweeper *exec.Cmd, alarm *os.File, err error) {
	read, alarm, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer read.Close()
	cmd := self("sweeper", base)
	cmd.Stdin, cmd.Stderr = read, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // what is sent to the group is not for it
	return cmd, alarm, cmd.Start()
}

// sweep waits for the alarm and removes every lab below base.
func sweep(alarm io.Reader, base string) error {
	if _, err := io.Copy(io.Discard, alarm); err != nil {
		return err
	}
	entries, err := os.ReadDir(base)
	if err != nil {
		return err
	}
	var left error
	for _, entry := range entries {
		left = errors.Join(left, Down(context.Background(), filepath.Join(base, entry.Name())))
	}
	return errors.Join(left, os.RemoveAll(base))
}
