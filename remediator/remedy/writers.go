package remedy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

// findUses fills in, for each inode of disk in targets, who uses it now. An
// error means that it cannot be told.
func findUses(ctx context.Context, proc string, disk node.Disk, targets map[uint64]*uses) error {
	buf := make([]byte, 64<<10)
	lines := bufio.NewReaderSize(nil, 64<<10)
	var names []dirent
	return eachProcess(ctx, proc, func(p process) (int, error) {
		n, err := p.openFiles(disk, buf, &names, func(fd string, ino uint64) error {
			if u := targets[ino]; u != nil {
				return p.use(u, proc, fd, fileID{disk, ino})
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		return n, p.mappings(lines, disk, targets)
	})
}

// use adds a descriptor of p to u.
func (p process) use(u *uses, proc, fd string, id fileID) error {
	data, err := p.read("fdinfo/" + fd)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	offset, flags, perr := parseFDInfo(data)
	if err := errors.Join(err, perr); err != nil {
		return err
	}
	// The number may have been given to another file between the two looks.
	if ino, ok, err := regularOn(p.dir, "fd/"+fd, id.disk); err != nil || !ok || ino != id.ino {
		u.unclear = fmt.Sprintf("process %s opens and closes files meanwhile", p)
		return err
	}
	if flags&unix.O_PATH != 0 {
		return nil
	}
	mode := flags & unix.O_ACCMODE
	if mode != unix.O_RDONLY {
		u.writers++
		if flags&unix.O_APPEND == 0 && u.plain == "" {
			u.plain = fmt.Sprintf("%s at offset %d", p, offset)
		}
	}
	if mode != unix.O_WRONLY {
		if len(u.readers) == maxReaders {
			u.unclear = fmt.Sprintf("more than %d readers", maxReaders)
			return nil
		}
		u.readers = append(u.readers, reader{p.String(), fmt.Sprintf("%s/%s/fdinfo/%s", proc, p.path, fd), offset})
	}
	return nil
}

// parseFDInfo reads offset and open flags from /proc/PID/fdinfo/FD; the flags
// are octal:
//
//	pos:	1234
//	flags:	0102001
//	mnt_id:	29
func parseFDInfo(data []byte) (offset int64, flags uint64, err error) {
	seen := 0
	for line := range bytes.Lines(data) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		value = bytes.TrimSpace(value)
		switch string(key) {
		case "pos":
			offset, err = strconv.ParseInt(string(value), 10, 64)
			seen++
		case "flags":
			flags, err = strconv.ParseUint(string(value), 8, 64)
			seen++
		}
		if err != nil {
			return 0, 0, fmt.Errorf("fdinfo: %w", err)
		}
	}
	if seen != 2 {
		return 0, 0, errors.New("fdinfo: no pos or no flags")
	}
	return offset, flags, nil
}
