package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMountsBelowAFolderAreItsOwn(t *testing.T) {
	const mountinfo = `22 27 0:21 / /proc rw - proc proc rw
30 27 254:0 /lab /lab rw shared:1 - ext4 /dev/vda rw
31 30 7:0 / /lab/n1/nodefs rw shared:2 - ext4 /dev/loop0 rw
32 27 7:1 / /lab2/n1/nodefs rw - ext4 /dev/loop1 rw
33 31 7:2 / /lab/n1/nodefs/with\040space rw - xfs /dev/loop2 rw
`
	for dir, want := range map[string][]string{
		"/lab": {"/lab", "/lab/n1/nodefs", "/lab/n1/nodefs/with space"},
		"/la":  nil,
		"/":    {"/proc", "/lab", "/lab/n1/nodefs", "/lab2/n1/nodefs", "/lab/n1/nodefs/with space"},
	} {
		got, err := parseMounts(strings.NewReader(mountinfo), dir)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", dir, got, err)
		}
	}
}

func TestAFolderHasOneIdentityByWhateverNameItIsCalled(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(base, filepath.Join(t.TempDir(), "link")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	a, err := real(filepath.Join(base, "lab"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := real(filepath.Join(link, "x", "..", "lab"))
	if err != nil {
		t.Fatal(err)
	}
	if a != b || Identity(a) != Identity(b) || Identity(a) == Identity(a+"2") {
		t.Errorf("%s (%s), %s (%s)", a, Identity(a), b, Identity(b))
	}
	if name := Identity(a) + "n90"; len(name) > 15 {
		t.Errorf("%s is no name of a network link", name)
	}
}

func TestAFolderThatNodesHideIsRefused(t *testing.T) {
	for _, dir := range []string{"/run/lab", "/var/lib/lab", "/tmp/" + strings.Repeat("long/", 20)} {
		if err := check(dir); err == nil || !strings.Contains(err.Error(), "choose") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
