package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nodeheadroom/headroom/lab/stage"
)

// A tree of 50,000 files that may go: the policy keeps one rotated log of every
// container, and the live one.
const (
	containers = 500
	files      = 50_000
	rounds     = 5
)

// A load is what the files of a tree have in them: little, so that it is all about
// inodes, or blocks that take their time to be given back.
type load struct {
	name string
	size int // of each file, in bytes
}

var loads = []load{{"inode-heavy", 4 << 10}, {"bytes-heavy", 80 << 10}}

// leftThen is the share of the disk that is left when the alert comes: the policy
// wants so much back that all files together are less, on a disk of 16 GiB.
const leftThen = 0.01

// reclaim removes 50,000 rotated logs by a remediator, from the alert on, and by
// rm -rf, in turn.
func (b *bench) reclaim(ctx context.Context) error {
	disk, err := b.stage.Disk("large", 16<<30)
	if err != nil {
		return err
	}
	if disk.Type != "ext4" { // a tmpfs of that size would be memory
		b.remark("Reclaiming 50,000 files was not measured: %s.", disk.Why)
		return nil
	}
	for _, l := range loads {
		if err := b.reclaimed(ctx, disk, l); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

func (b *bench) reclaimed(ctx context.Context, disk *stage.Disk, l load) error {
	var ours, theirs []float64
	for n := range rounds {
		fmt.Fprintf(b.progress, "  %s, round %d of %d\n", l.name, n+1, rounds)
		took, err := b.byRemediator(ctx, disk, l.size)
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if took, err = byRm(ctx, disk, l.size); err != nil {
			return err
		}
		theirs = append(theirs, took)
		if err := trim(ctx, disk); err != nil {
			return err
		}
	}
	b.compare(fmt.Sprintf("reclaiming 50,000 files of %s on ext4, alert to last file, median of %d", kibibytes(float64(l.size)), rounds),
		median(ours), median(theirs), seconds, "rm -rf", 1.3)
	b.remark("50,000 files, %s, in turn: %.2f to %.2f s by the remediator, %.2f to %.2f s by rm -rf.", l.name,
		quantile(ours, 0), quantile(ours, 1), quantile(theirs, 0), quantile(theirs, 1))
	return nil
}

// byRemediator measures from sending the alert until the last of the files is
// gone. What the files hold is less than the policy wants back, so that all go.
func (b *bench) byRemediator(ctx context.Context, disk *stage.Disk, size int) (float64, error) {
	logs, journal := filepath.Join(disk.Path, "log"), filepath.Join(disk.Path, "headroom")
	defer os.RemoveAll(logs)
	defer os.RemoveAll(journal)
	defer os.Remove(filepath.Join(disk.Path, "images"))
	if err := logTree(logs, containers, files/containers+1, size); err != nil {
		return 0, err
	}
	r, err := b.belowStart(ctx, disk, logs, journal, leftThen)
	if err != nil {
		return 0, err
	}
	defer r.Stop(5 * time.Second)
	_, before, err := free(disk)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := r.post(ctx, delivery("HeadroomThresholdMet", "imagefs.available", "at", 1)); err != nil {
		return 0, err
	}
	// Its list of what it removed takes an inode or two.
	err = until(disk, time.Minute, 2*time.Millisecond, func(_, inodes int64) bool { return inodes >= before+files-4 })
	return time.Since(began).Seconds(), err
}

func byRm(ctx context.Context, disk *stage.Disk, size int) (float64, error) {
	logs := filepath.Join(disk.Path, "log")
	if err := logTree(logs, containers, files/containers-1, size); err != nil {
		return 0, err
	}
	if err := settle(disk); err != nil {
		return 0, err
	}
	began := time.Now()
	out, err := exec.CommandContext(ctx, "rm", "-rf", logs).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("rm -rf: %w %s", err, out)
	}
	return time.Since(began).Seconds(), nil
}

// trim gives back what lies behind the disk: it is in memory, and every round
// writes somewhere else on it.
func trim(ctx context.Context, disk *stage.Disk) error {
	if out, err := exec.CommandContext(ctx, "fstrim", disk.Path).CombinedOutput(); err != nil {
		return fmt.Errorf("fstrim: %w %s", err, out)
	}
	return nil
}
