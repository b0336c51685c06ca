package kubelet

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestPathsAreTheProcesss(t *testing.T) {
	outside := t.TempDir()
	root := filepath.Join(outside, "root")
	writeFile(t, filepath.Join(root, "etc/real"), "in its root")
	writeFile(t, filepath.Join(outside, "real"), "outside")
	for link, target := range map[string]string{
		"etc/absolute": "/etc/real", "etc/relative": "real", "etc/up": "../../../../etc/real", "etc/out": "../../real", "etc/magic": "/proc/self/root/etc/real", "linked": "etc",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet"}, at{root: root, cwd: "/etc"})
	for path, want := range map[string]string{
		"/etc/real": "in its root", "/etc/absolute": "in its root", "/etc/relative": "in its root", "/etc/up": "in its root", "/linked/real": "in its root",
		"real": "in its root", "./absolute": "in its root", "../linked/real": "in its root", "absent/../real": "in its root",
		"/etc/out": "no such file", "/real": "no such file", "/etc/magic": "no such file", "../../real": "no such file", "/etc": "is a directory",
	} {
		data, err := (&view{process: filepath.Join(h.proc, "99")}).file(path)
		if err != nil {
			data = []byte(err.Error())
		}
		if !strings.Contains(string(data), want) {
			t.Errorf("%s: %s", path, data)
		}
	}
}

func TestNothingButRegularFilesIsOpened(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet"}, at{cwd: dir})
	v := &view{process: filepath.Join(h.proc, "99")}
	for path, want := range map[string]string{"fifo.conf": "is a named pipe", "/dev/null": "is a device", ".": "is a directory"} {
		if _, err := v.file(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := v.dropins(dir); err == nil || !strings.Contains(err.Error(), "fifo.conf: is a named pipe") {
		t.Errorf("drop-ins: %v", err)
	}
	if len(v.read) != 0 {
		t.Errorf("read %v", v.read)
	}
}

func TestWhatIsReadIsBounded(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "big"), strings.Repeat("#", maxSize+1))
	for i := range maxTotal/maxSize + 1 {
		writeFile(t, filepath.Join(dir, "d", itoa(i)+".conf"), strings.Repeat("#", maxSize))
	}
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet"}, at{cwd: dir})
	v := &view{process: filepath.Join(h.proc, "99")}
	if _, err := v.file("big"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a long file: %v", err)
	}
	if _, err := v.dropins("d"); err == nil || !strings.Contains(err.Error(), "together are longer than") {
		t.Errorf("many files: %v", err)
	}
}
