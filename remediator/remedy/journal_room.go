package remedy

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A rotation is what is to be asked of journald.
type rotation struct {
	dir   int    // the folder it writes
	ino   uint64 // a file there that it writes
	files int64  // how many of them it would begin anew
}

// What journald keeps free of a disk, in percent and 4 GiB at most, unless it is
// configured otherwise. With less than that it begins no new file, and then logs
// nothing.
const (
	keptFree    = 5
	keptFreeOld = 15 // before version 243
)

// fits is leftAlone if journald must not be asked for it now.
func (r rotation) fits(percent int64) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(r.dir, &st); err != nil {
		return err
	}
	size := int64(st.Bsize)
	want := min(int64(st.Blocks)*size/100*percent, 4<<30) + 2*r.files*newJournal
	if free := int64(st.Bavail) * size; free < want {
		return leftAlone(fmt.Sprintf("journald is not asked to rotate with %d bytes free: below %d it might not begin new files, and log nothing", free, want))
	}
	if want := 16 * r.files; st.Files > 0 && int64(st.Ffree) < want {
		return leftAlone(fmt.Sprintf("journald is not asked to rotate with %d inodes free: below %d it might not begin new files, and log nothing", st.Ffree, want))
	}
	return nil
}

// countActive counts the files in a folder that a rotation would begin anew.
func countActive(dir int) (int64, error) {
	fd, err := openBeneath(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var n int64
	var batch []dirent
	for buf := make([]byte, 16<<10); ; {
		if batch, err = readDir(fd, buf, batch[:0]); err != nil || len(batch) == 0 {
			return n, err
		}
		for _, e := range batch {
			if journalFile(e.name).kind == active {
				n++
			}
		}
	}
}
