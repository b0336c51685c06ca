package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// nobody is a file that grows on nodefs and that no remedy knows: only what was set
// aside helps.
var nobody = fill{
	name:  "nobody",
	title: "a file nobody owns",
	disk:  nodefs,
	unit:  inBytes,
	run:   grow,
}

func grow(ctx context.Context, s *stand, o order) error {
	file, err := os.Create(filepath.Join(filepath.Dir(s.node.RootDir()), "import.dat"))
	if err != nil {
		return err
	}
	defer file.Close()
	size := int64(0)
	return o.steps(ctx, 100*time.Millisecond, func(amount int64) error {
		if err := unix.Fallocate(int(file.Fd()), 0, size, amount); err != nil {
			return fmt.Errorf("grow %s: %w", file.Name(), err)
		}
		size += amount
		return nil
	})
}
