package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const table = `21 1 254:0 / / rw,relatime - ext4 /dev/root rw
22 21 0:5 / /dev rw,relatime - devtmpfs devtmpfs rw,size=1992k
40 21 254:16 / /var/lib rw,noatime shared:1 master:2 - xfs /dev/vdb rw,attr2
41 40 254:16 /kubelet /var/lib/kubelet rw,noatime shared:1 - xfs /dev/vdb rw
42 21 0:40 / /mnt/a\040b\134c rw - nfs4 server:/exports/a\040b rw,hard
43 21 254:32 / /data rw - ext4 /dev/vdc rw
44 43 254:48 / /data rw - ext4 /dev/vdd rw
45 44 254:48 / /data ro - ext4 /dev/disk/by-label/data ro
`

func TestMountIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		key  mountKey
		want mount
	}{
		"by its ID": {
			"/anything", mountKey{id: 42, disk: Disk{0, 40}},
			mount{42, Disk{0, 40}, `/mnt/a b\c`, "nfs4", "server:/exports/a b"},
		},
		"by its disk, under the nearest of two mounts": {
			"/var/lib/kubelet/pods", mountKey{disk: Disk{254, 16}},
			mount{41, Disk{254, 16}, "/var/lib/kubelet", "xfs", "/dev/vdb"},
		},
		"by its disk, not under a mount whose name only begins alike": {
			"/var/lib/kubelet2", mountKey{disk: Disk{254, 16}},
			mount{40, Disk{254, 16}, "/var/lib", "xfs", "/dev/vdb"},
		},
		"by its disk, though another is mounted between": {
			"/var/lib/kubelet", mountKey{disk: Disk{254, 0}},
			mount{21, Disk{254, 0}, "/", "ext4", "/dev/root"},
		},
		"by its disk, on top of a covered mount": {
			"/data/x", mountKey{disk: Disk{254, 48}},
			mount{45, Disk{254, 48}, "/data", "ext4", "/dev/disk/by-label/data"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseMountinfo(strings.NewReader(table), c.path, c.key)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(mount{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMountThatIsNotInTheTableIsNotMadeUp(t *testing.T) {
	for name, key := range map[string]mountKey{"ID": {id: 99, disk: Disk{254, 0}}, "disk": {disk: Disk{9, 9}}} {
		if m, err := parseMountinfo(strings.NewReader(table), "/", key); !errors.Is(err, errNoMount) {
			t.Errorf("%s: got %+v, %v", name, m, err)
		}
	}
}

func TestBrokenMountTableIsAnErrorThatQuotesTheLine(t *testing.T) {
	for name, line := range map[string]string{
		"an empty line":               "",
		"cut off before the type":     "21 1 254:0 / / rw,relatime -",
		"no separator":                "21 1 254:0 / / rw,relatime ext4 /dev/root rw",
		"an ID that is no number":     "x 1 254:0 / / rw - ext4 /dev/root rw",
		"a disk without a colon":      "21 1 254 / / rw - ext4 /dev/root rw",
		"a major that is no number":   "21 1 a:0 / / rw - ext4 /dev/root rw",
		"a minor beyond 32 bits":      "21 1 1:4294967296 / / rw - ext4 /dev/root rw",
		"a mount option where - goes": "21 1 254:0 - - -",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseMountinfo(strings.NewReader(line+"\n"), "/", mountKey{id: 1})
			if err == nil || errors.Is(err, errNoMount) || !strings.Contains(err.Error(), "mountinfo line") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestLongLineOfTheMountTableIsRead(t *testing.T) {
	// An overlay names all of its layers.
	layers := "30 21 0:50 / /merged rw - overlay overlay lowerdir=" + strings.Repeat("/layer:", 30000) + "\n"
	if m, err := parseMountinfo(strings.NewReader(layers+table), "/", mountKey{id: 21}); err != nil || m.mountpoint != "/" {
		t.Errorf("got %+v, %v", m, err)
	}
	if m, err := parseMountinfo(strings.NewReader(strings.Repeat("x", 2<<20)), "/", mountKey{id: 21}); err == nil || errors.Is(err, errNoMount) {
		t.Errorf("a line without end: %+v, %v", m, err)
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add(table)
	f.Add("1 1 1:1 / /\\ rw - a b c\n")
	f.Add("1 1 1:1 / /\\777\\04 rw - a b c\n")
	f.Fuzz(func(t *testing.T, table string) {
		m, err := parseMountinfo(strings.NewReader(table), "/var/lib/kubelet", mountKey{disk: Disk{1, 1}})
		if err == nil && (m.disk != Disk{1, 1} || !isAncestor(m.mountpoint, "/var/lib/kubelet")) {
			t.Errorf("%q: found %+v", table, m)
		}
	})
}
