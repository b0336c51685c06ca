package remedy

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/node"
)

func TestParseFDInfo(t *testing.T) {
	for text, want := range map[string][2]uint64{
		"pos:\t1234\nflags:\t0102001\nmnt_id:\t29\nino:\t7\n": {1234, unix.O_WRONLY | unix.O_APPEND | 0o100000},
		"pos:\t0\nflags:\t010000000\n":                        {0, unix.O_PATH},
	} {
		offset, flags, err := parseFDInfo([]byte(text))
		if err != nil || uint64(offset) != want[0] || flags != want[1] {
			t.Errorf("%q is offset %d, flags %o: %v", text, offset, flags, err)
		}
	}
	for _, text := range []string{"", "pos:\t1\n", "pos:\tx\nflags:\t0\n", "pos:\t0\nflags:\t9\n", "flags: 02\n", "\x00"} {
		if _, _, err := parseFDInfo([]byte(text)); err == nil {
			t.Errorf("%q is understood", text)
		}
	}
}

func TestParseMapping(t *testing.T) {
	const line = "7f1c2a000000-7f1c2a021000 rw-s 00000000 fd:1f 1835034                    /var/log/a name\n"
	got, err := parseMapping([]byte(line))
	want := mapping{"7f1c2a000000-7f1c2a021000", fileID{node.Disk{Major: 0xfd, Minor: 0x1f}, 1835034}}
	if err != nil || got != want {
		t.Errorf("%+v: %v", got, err)
	}
	for _, bad := range []string{"", "a b c d", "a b c 08:01 x", "a b c 0801 1", "a b c 08:xx 1"} {
		if _, err := parseMapping([]byte(bad)); err == nil {
			t.Errorf("%q is understood", bad)
		}
	}
}

func FuzzProcFiles(f *testing.F) {
	f.Add([]byte("pos:\t0\nflags:\t02\n"))
	f.Add([]byte("1-2 rw-s 0 08:01 5\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		parseFDInfo(data)
		parseMapping(data)
	})
}

func TestReadDirListsEveryNameOnce(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 300 {
		name := strings.Repeat("x", 1+i%255) + string(rune('a'+i/255))
		name = name[max(0, len(name)-255):]
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []string
	for batch, buf := []dirent(nil), make([]byte, 1024); ; {
		if batch, err = readDir(int(f.Fd()), buf, batch[:0]); err != nil {
			t.Fatal(err)
		}
		if len(batch) == 0 {
			break
		}
		for _, e := range batch {
			var st unix.Stat_t
			if err := unix.Stat(dir+"/"+e.name, &st); err != nil || st.Ino != e.ino || e.kind != unix.DT_REG {
				t.Errorf("%+v: inode %d, %v", e, st.Ino, err)
			}
			got = append(got, e.name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("%d names, want %d", len(got), len(want))
	}
}
