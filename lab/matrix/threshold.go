package main

import (
	"context"
	"fmt"
	"time"
)

// thresholds are the signals by which the kubelet evicts for a disk that fills.
var thresholds = map[string]map[string][]string{
	inBytes: {
		nodefs: {"nodefs.available"}, imagefs: {"imagefs.available"},
		"both": {"nodefs.available", "imagefs.available"},
	},
	inInodes: {
		nodefs: {"nodefs.inodesFree"}, imagefs: {"imagefs.inodesFree"},
		"both": {"nodefs.inodesFree", "imagefs.inodesFree"},
	},
}

// signals are those of the disk that fills.
func (s *stand) signals() []string {
	role := s.row.fill.disk
	if s.row.disks.name == oneDisk.name {
		role = "both"
	}
	return thresholds[s.row.fill.unit][role]
}

// threshold is below what the kubelet evicts for the disk that fills, as its running
// configuration says: of two signals of one disk the higher counts.
func (s *stand) threshold() (int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	config, err := s.node.Configz(ctx)
	if err != nil {
		return 0, err
	}
	hard, _ := config["evictionHard"].(map[string]any)
	_, capacity, err := s.level()
	if err != nil {
		return 0, err
	}
	var highest int64
	for _, signal := range s.signals() {
		text, _ := hard[signal].(string)
		share, err := percentage(text)
		if err != nil {
			return 0, fmt.Errorf("evictionHard of %s: %w", signal, err)
		}
		highest = max(highest, int64(share*float64(capacity)))
	}
	return highest, nil
}
