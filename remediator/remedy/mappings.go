package remedy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

// mappings notes which targets p maps into its memory.
func (p process) mappings(lines *bufio.Reader, disk node.Disk, targets map[uint64]*uses) error {
	fd, err := unix.Openat(p.dir, "maps", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "maps")
	defer f.Close()
	lines.Reset(f)
	for {
		line, err := lines.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			err = errors.New("maps: a line too long")
		}
		if len(line) == 0 || err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		m, err := parseMapping(line)
		if err != nil {
			return err
		}
		if u := targets[m.ino]; u != nil && p.maps(m, fileID{disk, m.ino}) {
			u.mapped = p.String()
		}
	}
}

// A mapping is a line of /proc/PID/maps.
type mapping struct {
	span string
	fileID
}

// maps reports whether m maps the file. Btrfs and overlayfs show another device
// here than stat does, so only an inode that differs is believed at once.
func (p process) maps(m mapping, id fileID) bool {
	if m.disk == id.disk {
		return true
	}
	ino, ok, err := regularOn(p.dir, "map_files/"+m.span, id.disk)
	return err != nil || ok && ino == id.ino
}

// parseMapping reads the file of a line of /proc/PID/maps:
//
//	7f1c2a000000-7f1c2a021000 rw-s 00000000 08:01 1835034    /var/log/x
func parseMapping(line []byte) (m mapping, err error) {
	fields := bytes.Fields(line)
	if len(fields) < 5 {
		return m, fmt.Errorf("maps: %q", line)
	}
	m.span = string(fields[0])
	major, minor, _ := bytes.Cut(fields[3], []byte(":"))
	a, err1 := strconv.ParseUint(string(major), 16, 32)
	b, err2 := strconv.ParseUint(string(minor), 16, 32)
	m.disk = node.Disk{Major: uint32(a), Minor: uint32(b)}
	m.ino, err = strconv.ParseUint(string(fields[4]), 10, 64)
	if err = errors.Join(err1, err2, err); err != nil {
		return m, fmt.Errorf("maps: %q: %w", line, err)
	}
	return m, nil
}
