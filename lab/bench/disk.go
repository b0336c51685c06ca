package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/stage"
)

// logTree writes rotated container logs below dir, each of size bytes, and a live
// one for every container. Of large ones all but the beginning is allocated only:
// the image of the disk is in memory.
func logTree(dir string, containers, rotated int, size int) error {
	data := make([]byte, min(size, 4096))
	for i := range data {
		data[i] = "log line\n"[i%9]
	}
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for c := range containers {
		folder := filepath.Join(dir, fmt.Sprintf("bench_pod-%d_%08d-0000-4000-8000-000000000000", c, c), "main")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		live := filepath.Join(folder, "0.log")
		if err := writeLog(live, data, size); err != nil {
			return err
		}
		for n := range rotated {
			stamp := begin.Add(time.Duration(n) * time.Second).Format("20060102-150405")
			if err := writeLog(live+"."+stamp, data, size); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeLog writes a file of size bytes that begins with data.
func writeLog(path string, data []byte, size int) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(data); err != nil {
		return err
	}
	if size <= len(data) {
		return nil
	}
	if err := unix.Fallocate(int(file.Fd()), 0, 0, int64(size)); err != nil {
		return fmt.Errorf("%s: fallocate %d bytes: %w", path, size, err)
	}
	return nil
}

// leave allocates so much of the disk that a share of its capacity is left.
func leave(d *stage.Disk, share float64) error {
	space, err := d.Space()
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(d.Path, "images"))
	if err != nil {
		return err
	}
	defer file.Close()
	size := space.Available - int64(share*float64(space.Capacity))
	if err := unix.Fallocate(int(file.Fd()), 0, 0, size); err != nil {
		return fmt.Errorf("fallocate %d bytes: %w", size, err)
	}
	return settle(d)
}

// settle waits for the disk to have written what it was given: what is measured
// next must not pay for it.
func settle(d *stage.Disk) error {
	folder, err := os.Open(d.Path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return unix.Syncfs(int(folder.Fd()))
}

// free returns what the disk has free, in bytes and inodes.
func free(d *stage.Disk) (bytes, inodes int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.Path, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Ffree), nil
}

// until asks the disk again and again until enough is true, at most for so long.
func until(d *stage.Disk, patience, every time.Duration, enough func(bytes, inodes int64) bool) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(every) {
		bytes, inodes, err := free(d)
		if err != nil {
			return err
		}
		if enough(bytes, inodes) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s the disk has still no more than %d bytes and %d inodes free", patience, bytes, inodes)
		}
	}
}
