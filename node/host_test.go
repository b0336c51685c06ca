package node

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenFileIsReadAnew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pid_max")
	write(t, dir, "pid_max", "32768\n")
	files := make(openFiles)
	defer closeAll(files)
	for name, c := range map[string]struct {
		change func()
		want   string // "" where reading fails
	}{
		"unchanged":       {func() {}, "32768\n"},
		"a new value":     {func() { write(t, dir, "pid_max", "65536\n") }, "65536\n"},
		"a shorter value": {func() { write(t, dir, "pid_max", "9\n") }, "9\n"},
		// As after an unmount: what is open fails, and another file is there.
		"gone, and there again": {func() {
			breakOpen(t, files, path)
			write(t, dir, "pid_max", "7\n")
		}, "7\n"},
		"gone": {func() {
			breakOpen(t, files, path)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, ""},
	} {
		write(t, dir, "pid_max", "32768\n")
		var buf [64]byte
		if _, err := files.read(path, buf[:]); err != nil {
			t.Fatal(err)
		}
		c.change()
		got, err := files.read(path, buf[:])
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
		if err != nil && len(files) > 0 {
			t.Errorf("%s: is kept open", name)
		}
	}
}

func TestFileThatIsTooLongIsNotKeptOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loadavg")
	write(t, filepath.Dir(path), "loadavg", "0.20 0.18 0.12 1/1024 11206\n")
	files := make(openFiles)
	if _, err := files.read(path, make([]byte, 8)); err == nil || len(files) > 0 {
		t.Errorf("err %v, %d files open", err, len(files))
	}
}

// breakOpen puts a descriptor that cannot be read in the place of an open file.
func breakOpen(t *testing.T, files openFiles, path string) {
	t.Helper()
	fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(files[path])
	files[path] = fd
}

func closeAll(files openFiles) {
	for _, fd := range files {
		unix.Close(fd)
	}
}
