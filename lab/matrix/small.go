package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// small are thousands of tiny rotated logs, in the folder of a container whose log
// somebody rotates who looks far too often, on a nodefs that was made with few
// inodes. Most of a day's are there already.
var small = fill{
	name:     "small",
	title:    "small files (inodes)",
	disk:     nodefs,
	unit:     inInodes,
	nodefs:   []string{"-N", "4096"},
	offender: offend(1),
	run:      rotate,
}

// rotate leaves rotated logs of one line each. A log's name has its second, so they
// are dated one by one from a day before.
func rotate(ctx context.Context, s *stand, o order) error {
	folders, err := filepath.Glob(filepath.Join(s.node.PodLogs(), s.namespace()+"_offender-*", "offender"))
	if err != nil || len(folders) != 1 {
		return fmt.Errorf("the offender's log is in %v, %w", folders, err)
	}
	log := filepath.Join(folders[0], "0.log")
	moment, number := time.Now().UTC().Add(-24*time.Hour), 0
	err = o.steps(ctx, 200*time.Millisecond, func(count int64) error {
		for range count {
			line := fmt.Sprintf("%s stdout F %012d a line that was rotated at once\n", moment.Format("2006-01-02T15:04:05.000000000Z"), number)
			if err := os.WriteFile(log+"."+moment.Format("20060102-150405"), []byte(line), 0o640); err != nil {
				return err
			}
			s.logs.wrote(log, number, int64(len(line)-prefixBytes))
			moment, number = moment.Add(time.Second), number+1
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) { // the pod is gone, and its log
		return nil
	}
	return err
}
