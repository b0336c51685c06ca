package node

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A mount is a line of the kernel's mount table.
type mount struct {
	id         uint64
	disk       Disk
	mountpoint string
	fstype     string
	device     string // what the kernel calls the source: /dev/sda1, tmpfs, server:/path
}

var errNoMount = errors.New("no mount holds the path")

// parseMountinfo finds the mount that holds path (absolute, without symbolic
// links) in a mount table: the one that has the key's mount ID or, on a kernel
// that tells none, the mount of the key's disk whose mount point is the longest
// ancestor of path; of two at the same place the later one, which covers the
// earlier. From proc(5):
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//	^id   ^disk      ^mountpoint      ^any number ^type ^device
//
// A space, tab, newline or backslash in a name is written as an octal escape.
func parseMountinfo(r io.Reader, path string, key mountKey) (mount, error) {
	found := mount{}
	err := errNoMount
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), 1<<20)
	for lines.Scan() {
		m, perr := parseMount(lines.Text())
		if perr != nil {
			return mount{}, perr
		}
		if key.id != 0 {
			if m.id == key.id {
				return m, nil
			}
			continue
		}
		if m.disk == key.disk && isAncestor(m.mountpoint, path) && len(m.mountpoint) >= len(found.mountpoint) {
			found, err = m, nil
		}
	}
	if lines.Err() != nil {
		return mount{}, lines.Err()
	}
	return found, err
}

func parseMount(line string) (mount, error) {
	fields := strings.Fields(line)
	separator := 0
	for i, field := range fields {
		if i >= 6 && field == "-" {
			separator = i
			break
		}
	}
	if separator == 0 || len(fields) < separator+3 {
		return mount{}, fmt.Errorf("mountinfo line %q: too few fields", line)
	}
	id, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return mount{}, fmt.Errorf("mountinfo line %q: mount ID: %w", line, err)
	}
	disk, err := parseDisk(fields[2])
	if err != nil {
		return mount{}, fmt.Errorf("mountinfo line %q: %w", line, err)
	}
	return mount{
		id:         id,
		disk:       disk,
		mountpoint: unescape(fields[4]),
		fstype:     unescape(fields[separator+1]),
		device:     unescape(fields[separator+2]),
	}, nil
}

// parseDisk reads "major:minor".
func parseDisk(s string) (Disk, error) {
	major, minor, ok := strings.Cut(s, ":")
	if !ok {
		return Disk{}, fmt.Errorf("device number %q has no colon", s)
	}
	ma, err := strconv.ParseUint(major, 10, 32)
	if err != nil {
		return Disk{}, fmt.Errorf("device number %q: %w", s, err)
	}
	mi, err := strconv.ParseUint(minor, 10, 32)
	if err != nil {
		return Disk{}, fmt.Errorf("device number %q: %w", s, err)
	}
	return Disk{Major: uint32(ma), Minor: uint32(mi)}, nil
}

// isAncestor reports whether dir is path or a directory above it.
func isAncestor(dir, path string) bool {
	if dir == "/" || dir == path {
		return true
	}
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// unescape undoes the kernel's octal escapes ("\040" is a space).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
