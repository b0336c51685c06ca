package disk

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

// Of returns the disk that path is on, as the product tells disks apart.
func Of(path string) (node.Disk, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return node.Disk{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return node.Disk{Major: unix.Major(st.Dev), Minor: unix.Minor(st.Dev)}, nil
}
