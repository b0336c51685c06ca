package exporter

import (
	"slices"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

func TestPageHoldsWhileItSaysWhatWouldBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, v *view)
		want   bool
	}{
		"nothing changed": {func(t *testing.T, v *view) {}, true},
		"other things left": {func(t *testing.T, v *view) {
			for i := range v.node.Readings {
				v.node.Readings[i].Available--
			}
		}, true},
		"the same configuration, read again": {func(t *testing.T, v *view) {
			v.config = configuration(t, "")
			v.config.Read = v.config.Read.Add(time.Minute)
		}, true},
		"the same files, read again": {func(t *testing.T, v *view) {
			v.config = configuration(t, "")
			v.config.OnDisk = configuration(t, "")
			v.config.OnDisk.Read = v.config.Read.Add(time.Minute)
		}, true},
		"other files": {func(t *testing.T, v *view) {
			v.config = configuration(t, "")
			v.config.OnDisk = configuration(t, "imageGCLowThresholdPercent: 70\n")
		}, false},
		"another threshold":          {func(t *testing.T, v *view) { v.config = configuration(t, "evictionHard: {nodefs.available: 11%}\n") }, false},
		"another kubelet version":    {func(t *testing.T, v *view) { v.config = configuration(t, ""); v.config.Version = "v1.37.3" }, false},
		"no configuration":           {func(t *testing.T, v *view) { v.config = nil }, false},
		"the same disks, seen again": {func(t *testing.T, v *view) { v.layout = &layout{dedicated: true} }, true},
		"other disks":                {func(t *testing.T, v *view) { v.layout = &layout{} }, false},
		"disks unknown":              {func(t *testing.T, v *view) { v.layout = nil }, false},
		"a filesystem hangs":         {func(t *testing.T, v *view) { v.node = without(v.node, headroom.NodeFS) }, false},
		"another mount point":        {func(t *testing.T, v *view) { remount(v, func(fs *node.Filesystem) { fs.Mountpoint = "/other" }) }, false},
		"another device":             {func(t *testing.T, v *view) { remount(v, func(fs *node.Filesystem) { fs.Device = "/dev/other" }) }, false},
		"another type":               {func(t *testing.T, v *view) { remount(v, func(fs *node.Filesystem) { fs.Type = "xfs" }) }, false},
		"another disk":               {func(t *testing.T, v *view) { remount(v, func(fs *node.Filesystem) { fs.Disk.Minor++ }) }, false},
		"a disk grown":               {func(t *testing.T, v *view) { room(v, headroom.NodeFSAvailable, 102*gib) }, false},
		"other inodes, as of xfs":    {func(t *testing.T, v *view) { room(v, headroom.NodeFSInodesFree, 6553600-64) }, true},
		"inodes no longer counted":   {func(t *testing.T, v *view) { room(v, headroom.NodeFSInodesFree, 0) }, false},
		"another summary":            {func(t *testing.T, v *view) { v.seen = &seen{} }, false},
		"no summary":                 {func(t *testing.T, v *view) { v.seen = nil }, false},
		"other evictions":            {func(t *testing.T, v *view) { v.counts = newCounts(nil) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := everything(t)
			v.config.OnDisk = configuration(t, "")
			if name == "the same configuration, read again" {
				v.config.OnDisk = nil
			}
			p := newPage(&v, nil, newAnswer().packer)
			later := v
			later.node.Readings = slices.Clone(v.node.Readings)
			c.change(t, &later)
			if got := p.holds(&later); got != c.want {
				t.Errorf("it holds: %t", got)
			}
		})
	}
}

func remount(v *view, change func(*node.Filesystem)) {
	filesystems := make(map[headroom.Filesystem]node.Filesystem)
	for role, fs := range v.node.Filesystems {
		change(&fs)
		filesystems[role] = fs
	}
	v.node.Filesystems = filesystems
}

// A configuration is read every few seconds, and says the same for months.
func TestPageKnowsAnEqualConfigurationTheNextTime(t *testing.T) {
	v := everything(t)
	p := newPage(&v, nil, newAnswer().packer)
	v.config = configuration(t, "")
	if !p.holds(&v) {
		t.Fatal("it does not hold")
	}
	if n := testing.AllocsPerRun(100, func() { p.holds(&v) }); n > 0 {
		t.Errorf("%v allocations to see that nothing has changed", n)
	}
}
