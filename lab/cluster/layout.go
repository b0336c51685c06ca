package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nodeheadroom/headroom/lab/disk"
)

// A Disk is how one filesystem of a node is made.
type Disk struct {
	Type    string   // ext4 or xfs
	Size    int64    // bytes, DiskSize if 0; xfs wants 300 MiB at least
	Options []string // further arguments of its mkfs, such as -m 5 to reserve blocks for root
}

// DiskSize is what a Disk has that does not say.
const DiskSize = 2 << 30

// A Layout says which filesystems a node has. One disk does for both roles when
// Imagefs is zero.
type Layout struct {
	Nodefs  Disk // the kubelet's root and the pods' logs
	Imagefs Disk // containerd's root
}

// Layouts.
var (
	OneDisk  = Layout{Nodefs: Disk{Type: "ext4"}}
	TwoDisks = Layout{Nodefs: Disk{Type: "ext4"}, Imagefs: Disk{Type: "ext4"}}
	OneXFS   = Layout{Nodefs: Disk{Type: "xfs"}}
)

// Sized is the layout with disks of that many bytes.
func (l Layout) Sized(nodefs, imagefs int64) Layout {
	l.Nodefs.Size = nodefs
	if l.Imagefs.Type != "" {
		l.Imagefs.Size = imagefs
	}
	return l
}

func (l Layout) single() bool { return l.Imagefs.Type == "" }

// mount makes and mounts the disks of a layout in a node's folder.
func (l Layout) mount(dir string) error {
	if err := l.Nodefs.mount(dir, "nodefs"); err != nil {
		return fmt.Errorf("nodefs: %w", err)
	}
	if l.single() {
		return nil
	}
	if err := l.Imagefs.mount(dir, "imagefs"); err != nil {
		return fmt.Errorf("imagefs: %w", err)
	}
	return nil
}

func (d Disk) mount(dir, name string) error {
	path := filepath.Join(dir, name)
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return d.mountOn(path, path+".img")
}

func (d Disk) mountOn(path, image string) error {
	if d.Type != "ext4" && d.Type != "xfs" {
		return fmt.Errorf("type %q: it must be ext4 or xfs", d.Type)
	}
	if d.Size == 0 {
		d.Size = DiskSize
	}
	if err := disk.Format(image, d.Type, d.Size, d.Options...); err != nil {
		return err
	}
	return disk.Mount(image, path, d.Type, 0)
}

// Mount mounts a new disk over a folder of the node, such as ContainerdRoot,
// while it runs, and keeps it as long as the node. What was in the folder is
// hidden by it.
func (n *Node) Mount(path string, d Disk) error {
	image := filepath.Join(n.Dir, fmt.Sprintf("late-%d.img", n.late.Add(1)))
	if err := d.mountOn(path, image); err != nil {
		return fmt.Errorf("mount a disk on %s: %w", path, err)
	}
	return nil
}
