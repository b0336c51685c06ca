package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// A Summary is what a kubelet answers to /stats/summary, as far as eviction goes
// by it. What is absent there is nil.
type Summary struct {
	Node struct {
		Memory           *MemoryStats
		FS               *FilesystemStats
		SystemContainers []struct {
			Name   string
			Memory *MemoryStats
		}
		Runtime *struct{ ImageFS, ContainerFS *FilesystemStats }
		Rlimit  *struct {
			Time            time.Time
			MaxPID, CurProc *int64
		}
	}
	Pods []struct {
		PodRef     struct{ Name, Namespace, UID string }
		Containers []struct {
			Name         string
			RootFS, Logs *FilesystemStats
		}
		Volume []struct {
			Name string
			FilesystemStats
		}
		EphemeralStorage *FilesystemStats `json:"ephemeral-storage"`
		ProcessStats     *struct {
			ProcessCount *int64 `json:"process_count"`
		} `json:"process_stats"`
	}
}

// MemoryStats are in bytes.
type MemoryStats struct {
	Time                                                  time.Time
	AvailableBytes, UsageBytes, WorkingSetBytes, RSSBytes *uint64
}

// FilesystemStats are in bytes and inodes.
type FilesystemStats struct {
	Time                                                                     time.Time
	AvailableBytes, CapacityBytes, UsedBytes, InodesFree, Inodes, InodesUsed *uint64
}

// Summary asks the kubelet for /stats/summary.
func (n *Node) Summary(ctx context.Context) (Summary, error) {
	var s Summary
	data, err := n.Get(ctx, "/stats/summary")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("/stats/summary: %w", err)
	}
	return s, nil
}
