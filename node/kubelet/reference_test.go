package kubelet

import "time"

// A summaryDoc is a summary for encoding/json, which is the scanner's reference.
type summaryDoc struct {
	Node *nodeDoc `json:"node"`
	Pods []podDoc `json:"pods"`
}

type nodeDoc struct {
	Memory           memoryDoc `json:"memory"`
	SystemContainers []struct {
		Name   string    `json:"name"`
		Memory memoryDoc `json:"memory"`
	} `json:"systemContainers"`
	FS      fsDoc `json:"fs"`
	Runtime struct {
		ImageFS     fsDoc `json:"imageFs"`
		ContainerFS fsDoc `json:"containerFs"`
	} `json:"runtime"`
	Rlimit struct {
		Time    *time.Time `json:"time"`
		MaxPID  *int64     `json:"maxpid"`
		Running *int64     `json:"curproc"`
	} `json:"rlimit"`
}

type memoryDoc struct {
	Time       *time.Time `json:"time"`
	Available  *uint64    `json:"availableBytes"`
	WorkingSet *uint64    `json:"workingSetBytes"`
}

type fsDoc struct {
	Time *time.Time `json:"time"`
	usageDoc
}

type usageDoc struct {
	Available  *uint64 `json:"availableBytes"`
	Capacity   *uint64 `json:"capacityBytes"`
	Used       *uint64 `json:"usedBytes"`
	InodesFree *uint64 `json:"inodesFree"`
	Inodes     *uint64 `json:"inodes"`
	InodesUsed *uint64 `json:"inodesUsed"`
}

type podDoc struct {
	Ref struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		UID       string `json:"uid"`
	} `json:"podRef"`
	Containers []struct {
		Name   string   `json:"name"`
		Rootfs usageDoc `json:"rootfs"`
		Logs   usageDoc `json:"logs"`
	} `json:"containers"`
	Volumes []struct {
		usageDoc
		Claim *struct{} `json:"pvcRef"`
	} `json:"volume"`
	Ephemeral usageDoc `json:"ephemeral-storage"`
	Processes struct {
		Count *uint64 `json:"process_count"`
	} `json:"process_stats"`
}

// summary makes of the document what the scanner should.
func (d summaryDoc) summary() *Summary {
	n := &nodeStats{
		memory:      d.Node.Memory.stats(),
		fs:          d.Node.FS.stats(),
		imageFS:     d.Node.Runtime.ImageFS.stats(),
		containerFS: d.Node.Runtime.ContainerFS.stats(),
		rlimit: rlimitStats{
			time:   moment(d.Node.Rlimit.Time),
			maxPID: value(d.Node.Rlimit.MaxPID), hasMaxPID: d.Node.Rlimit.MaxPID != nil,
			running: value(d.Node.Rlimit.Running), hasRunning: d.Node.Rlimit.Running != nil,
		},
	}
	for _, c := range d.Node.SystemContainers {
		if c.Name == "pods" {
			n.allocatable = c.Memory.stats()
			break
		}
	}
	var pods []podStats
	for _, p := range d.Pods {
		pods = append(pods, p.stats())
	}
	return &Summary{n.readings(), consumers(n, pods)}
}

func (d podDoc) stats() podStats {
	p := podStats{namespace: d.Ref.Namespace, name: d.Ref.Name, uid: d.Ref.UID, processes: number(d.Processes.Count)}
	for _, c := range d.Containers {
		p.containers = append(p.containers, containerStats{c.Name, c.Logs.stats().usage(), c.Rootfs.stats().usage()})
	}
	var volumes usage
	for _, v := range d.Volumes {
		if fs := v.stats(); v.Claim == nil && !fs.whole() {
			volumes = volumes.plus(fs.usage())
		}
	}
	p.emptyDir = emptyDir(d.Ephemeral.stats().usage(), volumes, p.containers)
	p.containers = unite(p.containers, usage.larger)
	return p
}

func (d memoryDoc) stats() memoryStats {
	return memoryStats{moment(d.Time), number(d.Available), number(d.WorkingSet)}
}

func (d fsDoc) stats() fsStats {
	fs := d.usageDoc.stats()
	fs.time = moment(d.Time)
	return fs
}

func (d usageDoc) stats() fsStats {
	return fsStats{
		available: number(d.Available), capacity: number(d.Capacity), used: number(d.Used),
		inodesFree: number(d.InodesFree), inodes: number(d.Inodes), inodesUsed: number(d.InodesUsed),
	}
}

func number(n *uint64) figure {
	if n == nil {
		return figure{}
	}
	return figure{*n, true}
}

func moment(t *time.Time) time.Time { return value(t) }

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
